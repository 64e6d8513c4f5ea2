# Every target sets up what it needs: Python 3.11 or later and make are enough.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# .python-version is for hosts; here, pyenv's own default is as good.
PYENV := $(firstword $(shell cat "$${PYENV_ROOT:-$$HOME/.pyenv}/version" 2>/dev/null))
ifneq ($(PYENV),)
override PYTHON := env PYENV_VERSION=$${PYENV_VERSION:-$(PYENV)} $(PYTHON)
endif
# The environment is made anew when PYTHON is another one than that which made it.
WANTED := $(shell $(PYTHON) -c 'import sys; print("Python", ".".join(map(str, sys.version_info[:3])), "of", sys.base_prefix)' 2>/dev/null)
ifneq ($(WANTED),$(shell cat $(VENV)/.python 2>/dev/null))
.PHONY: $(VENV)/.ready
endif
UV := $(filter-out $(CURDIR)/$(VENV)/%,$(shell uv --version >/dev/null 2>&1 && command -v uv))
STOP_REDIS := from pathlib import Path; from vettr_cron.redis_store.embedded import EmbeddedRedis; EmbeddedRedis(Path('instance/redis')).stop()
AUDIT = $(BIN)/pip-audit --disable-pip --require-hashes -s osv --progress-spinner off -r requirements-dev.txt
REACH_OSV := import signal, socket; signal.alarm(5); socket.create_connection(('api.osv.dev', 443)).close()
# The trial uses only instance/: neither the environment nor a .env file can point it at other servers.
TRIAL := env -i PATH="$$PATH" HOME="$$HOME" LANG="$${LANG:-C.UTF-8}" TERM="$${TERM:-dumb}" TMPDIR="$${TMPDIR:-/tmp}" \
	FLASK_SKIP_DOTENV=1 APP_ENV=development
FLASK := $(TRIAL) $(BIN)/flask --app wsgi

# The rules, and what calls do and answer, on SQLite.
QUICK := tests/unit tests/integration/test_cycle.py tests/integration/test_commands.py $(wildcard tests/integration/test_endpoint_*.py)

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade

.DEFAULT_GOAL := help
.PHONY: help refresh serve stop check test lint types layers audit chaos bench screenshots configuration release-check lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

refresh: $(VENV)/.ready ## Set up, load the demo into instance/ if there are no stocks, refresh all jobs, print an overview
	@$(FLASK) db upgrade
	@$(FLASK) stocks demo --if-empty
	@$(FLASK) cron reset --yes >/dev/null
	@$(FLASK) cron refresh-all --chunks all
	@$(FLASK) cron overview

serve: $(VENV)/.ready ## Run the service on http://localhost:8000, in development mode; PORT=9000 for another port
	@$(FLASK) db upgrade
	@$(FLASK) stocks demo --if-empty
	@$(TRIAL) BIND_HOST=127.0.0.1 PORT="$(PORT)" $(BIN)/gunicorn wsgi:app

stop: ## Stop the embedded Redis, which otherwise ends after four hours without use
	@test ! -d instance/redis || $(BIN)/python -c "$(STOP_REDIS)"

# Tests that measure time run by themselves.
test: lint types layers audit ## Check style, types, layers and known vulnerabilities, then run all tests
	$(BIN)/pytest -n 2 --dist worksteal -m "not timed"
	$(BIN)/pytest -m timed

check: lint types layers ## Check style, types and layers, then run the quick tests, in under a minute: for every change
	$(BIN)/pytest -n 2 -q -k "not postgres" $(QUICK)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

layers: $(VENV)/.ready
	$(BIN)/lint-imports

# The alarm also ends the look-up of the name, which may take long without a network.
audit: $(VENV)/.ready ## Look for known vulnerabilities in the pinned packages, if api.osv.dev can be reached
	@echo "Looking for known vulnerabilities ..."
	@if $(BIN)/python -c "$(REACH_OSV)" 2>/dev/null; then \
		$(AUDIT); \
	else echo "Known vulnerabilities were not looked up: api.osv.dev cannot be reached"; fi

lock: $(VENV)/.ready ## Pin and hash the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra celery -c requirements.txt -o requirements-celery.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra celery --group dev -c requirements-celery.txt -o requirements-dev.txt

chaos: $(VENV)/.ready ## Run random rounds of faults, which takes long; CHAOS_SEED=N repeats the rounds of a seed
	@export CHAOS_ROUNDS=$${CHAOS_ROUNDS:-200} CHAOS_SEED=$${CHAOS_SEED:-$$(date +%s)}; echo "CHAOS_SEED=$$CHAOS_SEED"; \
		$(BIN)/pytest -n 2 --dist worksteal -m chaos -rP --show-capture=stdout

bench: $(VENV)/.ready ## Measure the service against bare input and output; SIZE=100000 for more stocks; ENGINE=celery WORKERS=1,2,4
ifeq ($(ENGINE),celery)
	$(BIN)/python -m bench.engine $(if $(SIZE),--size $(SIZE)) $(if $(WORKERS),--workers $(WORKERS))
else
	$(BIN)/python -m bench $(or $(SIZE),1300)
endif

screenshots: $(VENV)/.ready ## Make the pictures in docs/images anew, in a browser
	$(BIN)/python -m tests.browser.screenshots

configuration: $(VENV)/.ready ## Make docs/configuration.md anew, from the definitions of the settings
	$(BIN)/python -m tests.documentation.configuration

# What was skipped or could not be looked up is a failure here.
release-check: export REQUIRE_TOOLS = 1
release-check: $(VENV)/.ready ## Before a release is tagged: changelog, contract, migrations, known vulnerabilities, all tests
	$(BIN)/python -m tests.release_check
	$(AUDIT)
	$(MAKE) test

clean: ## Stop the embedded Redis, remove the virtual environment and the local data
	@test ! -d instance/redis || $(BIN)/python -c "$(STOP_REDIS)" 2>/dev/null \
		|| echo "The embedded Redis was not asked to stop; it ends by itself, as its folder is removed"
	rm -rf $(VENV) instance

# Uses uv if it is installed, otherwise pip; a setup that was interrupted is repeated.
$(VENV)/.ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@rm -f $@
	@echo "Creating $(VENV) with $(WANTED) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "Installing $$(grep -c '==' requirements-dev.txt) packages into it, which takes a minute or less; this is done once ..."
ifdef UV
	@UV_PYTHON_DOWNLOADS=never $(UV) pip install --python $(BIN)/python --require-hashes -r requirements-dev.txt
else
	@$(BIN)/python -m pip install --progress-bar off --disable-pip-version-check --require-hashes -r requirements-dev.txt
endif
	@echo "$(WANTED)" >$(VENV)/.python
	@touch $@
