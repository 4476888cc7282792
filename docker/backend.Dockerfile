# web, worker, beat and the commands of manage.py: one image, several commands (compose.yml). Never torch.
FROM node:24-slim AS ui
WORKDIR /build/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM python:3.11-slim AS packages
WORKDIR /app
COPY pyproject.toml requirements.lock ./
RUN python -m venv venv && venv/bin/python -m pip install --no-cache-dir uv
RUN venv/bin/uv pip install --no-cache --python venv/bin/python -r pyproject.toml --extra backend --extra s3 -c requirements.lock

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home svend && install -d -o svend -g svend /var/lib/svend
WORKDIR /app
COPY --from=packages /app/venv venv
COPY manage.py ./
COPY backend backend
COPY worker worker
COPY gpu_node/__init__.py gpu_node/__init__.py
COPY gpu_node/protocol gpu_node/protocol
COPY gpu_node/weights gpu_node/weights
COPY --from=ui /build/frontend/dist frontend/dist
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 SVEND_DATA=/var/lib/svend
RUN python -m compileall -q backend worker gpu_node
USER svend
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "backend.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--timeout-graceful-shutdown", "30"]
