# Every target installs what it needs, once. CI runs `make check`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BASE := $(VENV)/.base
DEV := $(VENV)/.dev
TF_VENV := .venv-tensorflow
TF_DEV := $(TF_VENV)/.dev
TF_TESTS := tests/sources tests/real/test_tensorflow.py --ignore tests/sources/pytorch
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: setup demo test test-long lint site check compile image image-push docs schema clean

setup: $(BASE)  ## what `inc-mlflow` needs, in .venv

$(BASE): pyproject.toml constraints.txt inc_mlflow/engines/onnxruntime/calibration/_counting.c
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(DEV): $(BASE)
	$(PIP) --editable '.[dev]'
	touch $@

# TensorFlow and PyTorch are never loaded in one process: its tests have an environment of their own.
$(TF_DEV): pyproject.toml constraints.txt
	test -x $(TF_VENV)/bin/python || $(PYTHON) -m venv $(TF_VENV)
	$(TF_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	    --editable '.[tensorflow]' hypothesis pytest
	touch $@

demo: $(BASE)  ## a real model, from FP32 to a promoted INT8 champion
	$(BIN)/inc-mlflow run examples/digits/job.yaml

test: $(DEV) $(TF_DEV)  ## everything but the long tests
	tests/servers/install.sh
	$(BIN)/python tests/licences.py $(TF_VENV)/bin/python
	$(TF_VENV)/bin/python -m pytest -m "tensorflow and not long" -rs $(TF_TESTS)
	$(BIN)/python -m pytest -m "not long and not quiet and not tensorflow" -rs --numprocesses 3 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m "quiet and not long" -rs

test-long: $(DEV) $(TF_DEV)  ## what takes longer than CI may
	tests/servers/install.sh
	$(TF_VENV)/bin/python -m pytest -m "tensorflow and long" -rs $(TF_TESTS)
	$(BIN)/python -m pytest -m "long and not tensorflow" --numprocesses 2

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-logo
	$(BIN)/python tests/licences.py

site: $(DEV)  ## the documentation, in dist/site; a broken link or anchor is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

check: lint site test  ## what CI runs

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

docs: $(BASE)  ## generated files: the job's schema and fields, commands, metrics, what works with what, components
	$(BIN)/inc-mlflow schema > examples/job.schema.json
	$(BIN)/python docs/reference.py > docs/reference.md
	$(BIN)/python docs/metrics.py > docs/metrics.md
	$(BIN)/python docs/support.py > docs/support.md
	$(BIN)/python docs/fields.py > docs/fields.md
	$(BIN)/python docs/tasks.py > docs/tasks.md
	$(BIN)/python docs/components.py components/yaml

clean:
	rm -rf $(VENV) $(TF_VENV) dist build *.egg-info
