# Every command works on a fresh checkout: what it needs is installed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help up demo test check lint types unit bench translations lock clean
help: ## Show these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

up: $(VENV)/.runtime ## Start the whole suite on this machine (Ctrl-C stops it)
	@exec $(BIN)/kudos up

demo: $(VENV)/.runtime ## Fill a running suite with a made-up company
	@$(BIN)/kudos demo

test: $(VENV)/.dev ## Run every test; those that start a whole suite one at a time
	@$(BIN)/python -m pytest -q -n $${KUDOS_TEST_PROCESSES:-2} tests/unit tests/contract tests/integration
	@$(BIN)/python -m pytest -q tests/e2e tests/faults # whole suites: one at a time

check: lint types unit ## Lint, types and unit tests, in under 30 s

lint: $(VENV)/.dev ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy

unit: $(VENV)/.dev ## Run the unit tests
	@$(BIN)/python -m pytest -q tests/unit

bench: $(VENV)/.dev ## Measure, as ratios beside floors run in the same minute
	@$(BIN)/python -m tests.bench

translations: $(VENV)/.dev ## Find the texts of mail and chat, merge them into each language, compile
	@cd services/notifier/channels && $(abspath $(BIN))/pybabel -q extract -F locale/babel.cfg -k N_ \
		--no-location --sort-output --omit-header -o locale/messages.pot .
	@cd services/notifier/channels/locale && for each in */LC_MESSAGES/messages.po; do \
		$(abspath $(BIN))/pybabel -q update -i messages.pot -o $$each -l $${each%%/*} \
		--no-fuzzy-matching --ignore-pot-creation-date; done
	@$(BIN)/pybabel -q compile -d services/notifier/channels/locale

lock: ## Renew the lock files (needs uv)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra embedded --extra build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra embedded --extra build --group dev pyproject.toml -o requirements-dev.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Kudos needs Python 3.11 or later; this is %d.%d. Try: make PYTHON=python3.11 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Kudos into $(VENV) (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what the tests need into $(VENV) (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean: ## Remove what was installed and built (not the data)
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
