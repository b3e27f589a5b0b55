# make demo · make test · make bench · make docs · make gallery · make corpus · make fuzz: each sets up what it needs from nothing, in its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3

SEED ?= 1
COUNT ?= 500
JOBS ?= 2
FUZZ_SECONDS ?= 600

.PHONY: demo test bench docs gallery corpus fuzz lint clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "spatial needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/spatial demo out/demo

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A file of tests stays with one worker, since its fixtures are costly: make test WORKERS=1 runs all in one. Three keep two cores busy, since those that drive a
# browser wait for it. In their own order: files of few but long tests are not left to the end.
test: lint
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

# A page a metric in docs/metrics, from the registry; a test asserts that they are current.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/metrics.py

# The pictures of docs/gallery, by Chromium; those of Las Palmas where SPATIAL_CASES says where the real cases are.
gallery: $(VENV)/.installed-dev
	$(BIN)/python docs/gallery.py

# A campaign of damaged inputs: make corpus SEED=7 COUNT=1000
corpus: $(VENV)/.installed-dev
	$(BIN)/python -m tests.corpus --seed $(SEED) --count $(COUNT) --jobs $(JOBS)

# Coverage-guided fuzzing of our own parsers: make fuzz FUZZ_SECONDS=60
fuzz: $(VENV)/.installed-dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: 'atheris>=3.0' || { echo "atheris has no wheel for this Python or machine; run make fuzz on Linux, for example with make PYTHON=python3.11 fuzz"; exit 1; }
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

clean:
	rm -rf $(VENV) out .bench dist
