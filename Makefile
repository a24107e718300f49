# Every target installs what it needs, once. CI runs `make check`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BASE := $(VENV)/.base
DEV := $(VENV)/.dev
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: setup demo test test-long lint check compile image image-push docs schema clean

setup: $(BASE)  ## what `inc-mlflow` needs, in .venv

$(BASE): pyproject.toml constraints.txt inc_mlflow/engines/onnxruntime/calibration/_counting.c
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(DEV): $(BASE)
	$(PIP) --editable '.[dev]'
	touch $@

demo: $(BASE)  ## a real model, from FP32 to a promoted INT8 champion
	$(BIN)/inc-mlflow run examples/digits/job.yaml

test: $(DEV)  ## everything but the long tests
	tests/servers/install.sh
	$(BIN)/python -m pytest -m "not long and not quiet" -rs --numprocesses 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m "quiet and not long" -rs

test-long: $(DEV)  ## what takes longer than CI may
	tests/servers/install.sh
	$(BIN)/python -m pytest -m long --numprocesses 2

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-logo
	$(BIN)/python tests/licences.py

check: lint test  ## what CI runs

compile: $(BASE)  ## the example's Kubeflow package, in dist/
	mkdir -p dist
	$(BIN)/inc-mlflow compile examples/digits/job.yaml --out dist/int8.yaml

image:  ## the onnxruntime image, for this machine
	@docker info >/dev/null 2>&1 || { echo "make image: no container engine runs; install and start docker" >&2; exit 1; }
	docker build --file components/images/onnxruntime.Dockerfile --tag inc-mlflow/onnxruntime:$(VERSION) \
	    --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	    $(foreach name,PYTHON_IMAGE BUILD_IMAGE SOURCE,$(if $($(name)),--build-arg $(name)=$($(name)))) .

image-push: $(BASE)  ## all images for all machines to REGISTRY; images.lock and k8s/images say which
	@test -n "$(REGISTRY)" || { echo "make image-push: where to? REGISTRY=HOST/PATH" >&2; exit 1; }
	@docker buildx version >/dev/null 2>&1 || { echo "make image-push: needs docker with buildx" >&2; exit 1; }
	mkdir -p dist
	REGISTRY=$(REGISTRY) VERSION=$(VERSION) REVISION=$(REVISION) docker buildx bake --push --metadata-file dist/images.json
	$(BIN)/python k8s/images/lock.py dist/images.json

docs: $(BASE)  ## generated files: the job's schema, the command-line reference, the table of metrics, component.yaml files
	$(BIN)/inc-mlflow schema > examples/job.schema.json
	$(BIN)/python docs/reference.py > docs/reference.md
	$(BIN)/python docs/metrics.py > docs/metrics.md
	$(BIN)/python docs/components.py components/yaml

clean:
	rm -rf $(VENV) dist build *.egg-info
