# Two commands matter: `make demo` and `make test`. Both start from Python 3.11+ and make alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
OUT ?= out
DIST_TOOLS := $(OUT)/dist-tools
# Tests run in two processes; the one that is done first takes tests of the other.
WORKERS := -n 2 --dist worksteal

.PHONY: demo test test-all lint docs dist oldest soak bench bench-quick clean

# Rebuilt only when the requirements change.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "geneeg_sk needs Python 3.11 or newer")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,bench]'
	touch $@

demo: $(STAMP)
	$(BIN)/geneeg-sk benchmark --cohort --quick --out $(OUT)/demo

# All but the tests marked slow: five minutes on two quiet cores.
test: $(STAMP)
	$(BIN)/python -m pytest $(WORKERS) -m 'not slow'

# Every test: what CI runs.
test-all: $(STAMP)
	$(BIN)/python -m pytest $(WORKERS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in out/docs. Warnings are errors, and so are examples that fail and links that lead nowhere.
# SPHINXOPTS='-D plot_gallery=0' leaves the examples as they are and runs none.
docs: $(DOCS_STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q $(SPHINXOPTS) docs $(OUT)/docs
	$(BIN)/python docs/check_site.py $(OUT)/docs

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

# Wheel and sdist, in dist: checked, and tested as installed, outside the repository. RELEASING.md says more.
dist:
	rm -rf dist $(DIST_TOOLS)
	$(PYTHON) -m venv $(DIST_TOOLS)
	$(DIST_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build twine
	PIP_CONSTRAINT='$(CURDIR)/constraints.txt' $(DIST_TOOLS)/bin/python -m build
	$(DIST_TOOLS)/bin/python -m twine check --strict dist/*
	$(DIST_TOOLS)/bin/python tools/check_dist.py dist
	tools/test_installed.sh '$(PYTHON)' constraints.txt dist/*.whl

# The same tests with the oldest versions that pyproject.toml allows.
oldest:
	tools/test_installed.sh '$(PYTHON)' constraints-min.txt .

# Kills, full disks and flipped bits at random, for an hour: make soak MINUTES=10 SEED=1
soak: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python tools/soak.py --minutes $(or $(MINUTES),60) --seed $(or $(SEED),0)

bench: $(STAMP)
	$(BIN)/python benchmarks/classifier.py
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fidelity.run
	$(BIN)/python -m benchmarks.fidelity.page

# Twenty minutes at most on two cores: do the benchmarks run, and see what real patients are worth?
bench-quick: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.unseen_patients.run --quick --n-jobs 2 --cache $(OUT)/unseen-patients --out $(OUT)/unseen-patients-quick.jsonl
	$(BIN)/python -m benchmarks.continual.run --quick

clean:
	rm -rf $(VENV) $(OUT) docs/api docs/generated docs/gallery build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
