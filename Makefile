.DEFAULT_GOAL := help
.PHONY: help up test soak check bench lock widget clean

PYTHON ?= python3
PORT ?= 8000
DEMO ?= 1
VENV := .venv
BIN := $(VENV)/bin

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | column -t -s '|'

up: $(VENV)/ready ## start everything on this machine (PORT=8000, DEMO=0 without demo data)
	@bin/candor up --port $(PORT) $(if $(filter 1,$(DEMO)),--demo)

test: $(VENV)/ready-dev ## all tests on SQLite and on Postgres, with a real browser and Valkey
	@$(BIN)/python -m tests.run

soak: $(VENV)/ready-dev ## the ledger of kills for long: 200 of them on each database (LEDGER_KILLS, LEDGER_SEED)
	@LEDGER_KILLS=$${LEDGER_KILLS:-200} $(BIN)/python -m tests.run -s tests/ledger

check: $(VENV)/ready-dev ## lint, types, import floors, widget rebuild, migrations, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd widget && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check
	$(BIN)/python -m tests.check_migrations
	$(BIN)/python -m tests.check_docs

bench: $(VENV)/ready-dev ## benchmarks: ratios to ceilings of the same run, table and JSON lines
	@$(BIN)/python -m bench

widget: ## rebuild static/widget from widget/src (needs Node)
	cd widget && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

lock: $(VENV)/ready ## compile requirements*.in to pinned and hashed files
	$(BIN)/pip install -q pip-tools
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe -o requirements.txt requirements.in
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe -o requirements-dev.txt requirements-dev.in

clean: ## remove the environment; data under var/ stays
	rm -rf $(VENV) widget/node_modules .mypy_cache .ruff_cache .pytest_cache

# The files name everything; resolving them anew trips older pips over releases newer than the pinned ones.
$(VENV)/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Candor needs Python 3.11 or newer; try: make PYTHON=python3.11 up"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Candor needs (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/pip check --disable-pip-version-check
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@$(BIN)/pip check --disable-pip-version-check
	@touch $@
