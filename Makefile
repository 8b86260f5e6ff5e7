# make run: serve on http://127.0.0.1:8000, with the worker beside it.
# make check: lint, types and the quick half of the tests.  make test: lint, types and all tests.
PYTHON ?= python3

# An interpreter that is named on the command line has an environment of its own: .venv-3.13.
VENV ?= .venv
ifeq ($(origin PYTHON)$(origin VENV),command linefile)
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv-$(or $(MINOR),$(error $(PYTHON) does not run))
endif
BIN := $(VENV)/bin

# Many of the long tests wait for other processes, so there is one more than most machines have cores.
JOBS ?= 3
QUICK := not server and not browser

# The servers that the tests start find their modules compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run check test setup lint quick-tests all-tests format clean bench bench-sync bench-pages bench-faults

# `exec`: no shell stands between make and what has to notice its end.
run: setup
	@exec $(BIN)/python deploy/run.py

check: $(VENV)/tests-ready
	@$(MAKE) --no-print-directory --jobs=2 lint quick-tests

test: $(VENV)/tests-ready
	@$(MAKE) --no-print-directory --jobs=2 lint all-tests

lint: $(VENV)/tests-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .

quick-tests: $(VENV)/tests-ready
	$(BIN)/pytest -n 2 -m '$(QUICK)'

all-tests: $(VENV)/tests-ready
	$(BIN)/pytest -n $(JOBS) --dist worksteal

format: $(VENV)/tests-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The panel beside bare Flask (bench/README.md); wrk sends the load: apt-get install wrk.
bench: setup
	@$(BIN)/python -m bench $(ARGS)

# The worker's speed, and what it costs the customers (bench/sync.py).
bench-sync: setup
	@$(BIN)/python -m bench.sync $(ARGS)

# How long the server takes for each page of the dashboard (bench/pages.py).
bench-pages: setup
	@$(BIN)/python -m bench.pages $(ARGS)

# What customers notice of slow clients, a held database and restarts (bench/faults.py).
bench-faults: $(VENV)/tests-ready
	@$(BIN)/python -m bench.faults $(ARGS)

setup: $(VENV)/ready

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'The panel needs Python 3.11 or newer (make PYTHON=python3.12 VENV=.venv …).'; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo 'No virtual environment could be made: apt-get install python3-venv'; exit 1; }
	@touch $@

$(VENV)/ready: $(VENV)/made requirements.txt
	@echo 'Installing requirements.txt into $(VENV) …'
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/tests-ready: $(VENV)/ready requirements-dev.txt
	@echo 'Installing requirements-dev.txt into $(VENV) …'
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
