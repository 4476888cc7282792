# A GPU node on its CPU: the model, the engine, the trainer, the fenced tools. Knows nothing of users or money.
FROM python:3.11-slim
RUN useradd --system --uid 10002 --create-home node && install -d -o node -g node /var/lib/svend
WORKDIR /app
COPY pyproject.toml requirements.lock ./
RUN python -m venv venv && venv/bin/python -m pip install --no-cache-dir uv
# Torch by pip and its exact pin. Its plain wheel brings CUDA along; for a small image build with torch's index of CPU
# wheels: --build-arg PIP_EXTRA_INDEX_URL=... --build-arg TORCH=torch==2.13.0+cpu
ARG PIP_EXTRA_INDEX_URL
ARG TORCH=torch==2.13.0
RUN venv/bin/python -m pip install --no-cache-dir "$TORCH"
RUN venv/bin/uv pip install --no-cache --python venv/bin/python -r pyproject.toml --extra node -c requirements.lock
COPY gpu_node gpu_node
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN python -m compileall -q gpu_node
USER node
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/healthz', timeout=2)"]
CMD ["python", "-m", "gpu_node", "serve", "--host", "0.0.0.0", "--port", "8001", "--model-path", "gpu_node/weights/svend-nano", "--verifier-path", "gpu_node/weights/svend-verifier-nano", "--state-dir", "/var/lib/svend/node", "--secret-file", "/run/secrets/node_secret", "--log-format", "json"]
