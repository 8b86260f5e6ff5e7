# make run: serve on http://127.0.0.1:8000, with the worker beside it.  make test: every test and check.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test setup lint format clean bench bench-sync

run: setup
	@$(BIN)/flask demo
	@$(BIN)/flask worker & worker=$$!; trap "kill $$worker 2>/dev/null" EXIT; \
	  $(BIN)/gunicorn -c gunicorn.conf.py 'app:create_app()'

test: .venv/tests-ready lint
	$(BIN)/pytest -n 2

lint: .venv/tests-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .

format: .venv/tests-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The panel beside bare Flask (bench/README.md); wrk sends the load: apt-get install wrk.
bench: setup
	@$(BIN)/python -m bench $(ARGS)

# The worker's speed, and what it costs the customers (bench/sync.py).
bench-sync: setup
	@$(BIN)/python -m bench.sync

setup: .venv/ready

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'The panel needs Python 3.11 or newer (make PYTHON=python3.12 …).'; exit 1; }
	@$(PYTHON) -m venv --clear .venv || \
	  { echo 'No virtual environment could be made: apt-get install python3-venv'; exit 1; }
	@touch $@

.venv/ready: .venv/made requirements.txt
	@echo 'Installing requirements.txt into .venv …'
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tests-ready: .venv/ready requirements-dev.txt
	@echo 'Installing requirements-dev.txt into .venv …'
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
