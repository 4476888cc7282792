"""On the path of a vLLM that runs on a CPU: Python runs `sitecustomize.py` at the start of each of its processes."""
