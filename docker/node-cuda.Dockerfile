# A GPU node with CUDA. The same program as node.Dockerfile; torch brings its CUDA libraries, the host its driver.
FROM nvidia/cuda:13.0.1-base-ubuntu24.04
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10002 --create-home node && install -d -o node -g node /var/lib/svend
WORKDIR /app
COPY pyproject.toml requirements.lock ./
RUN python3 -m venv venv && venv/bin/python -m pip install --no-cache-dir uv
ARG TORCH=torch==2.13.0
RUN venv/bin/python -m pip install --no-cache-dir "$TORCH"
RUN venv/bin/uv pip install --no-cache --python venv/bin/python -r pyproject.toml --extra node -c requirements.lock
COPY gpu_node gpu_node
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN python -m compileall -q gpu_node
USER node
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/healthz', timeout=2)"]
CMD ["python", "-m", "gpu_node", "serve", "--host", "0.0.0.0", "--port", "8001", "--model-path", "gpu_node/weights/svend-nano", "--verifier-path", "gpu_node/weights/svend-verifier-nano", "--state-dir", "/var/lib/svend/node", "--secret-file", "/run/secrets/node_secret", "--log-format", "json"]
