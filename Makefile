# One virtual environment, filled from locks with hashes. `make` alone lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
WORKERS ?= 2
UV_VERSION := 0.13.9

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
CODE := schemas routing_rules worker tests $(wildcard bench)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- run ---------------------------------------------------------------------------------------------------------

.PHONY: demo up
demo: .venv/.stamp-local ## Stream a business day of leads through everything, on this machine
	@$(BIN)/tasuki demo --exit

up: .venv/.stamp-local ## Run everything on this machine until Ctrl-C
	@$(BIN)/tasuki up

# --- prove -------------------------------------------------------------------------------------------------------

.PHONY: test check lint fmt types imports bench
test: .venv/.stamp-dev ## Run the tests (ARGS="-k gate" for some of them)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: lint types imports test ## Lint, types, imports and tests: all that must hold before a merge

lint: .venv/.stamp-dev ## Check format and style
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)

fmt: .venv/.stamp-dev ## Format, and mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

types: .venv/.stamp-dev ## Check the types
	@$(BIN)/mypy

imports: .venv/.stamp-dev ## Check that the rooms import in one direction
	@$(BIN)/lint-imports

bench: .venv/.stamp-dev ## Measure
	@$(BIN)/python -m bench $(ARGS)

# --- set up ------------------------------------------------------------------------------------------------------

.PHONY: setup lock clean
setup: .venv/.stamp-dev ## Install what tests and checks need

# The locks depend on one another, so they are made in one go. UPGRADE=1 takes newer versions.
# uv does not read pip's settings: hand it pip's index and certificates, if there are any.
lock: .venv/.stamp-venv ## Solve requirements/*.lock anew from pyproject.toml
	@$(PIP) install 'uv==$(UV_VERSION)'
	@pip_setting() { $(BIN)/python -m pip config get "$$1" 2>/dev/null || true; }; \
	index="$${PIP_INDEX_URL:-$$(pip_setting global.index-url)}"; \
	cert="$${PIP_CERT:-$$(pip_setting global.cert)}"; \
	if [[ -n "$$index" ]]; then export UV_DEFAULT_INDEX="$$index"; fi; \
	if [[ -n "$$cert" ]]; then export SSL_CERT_FILE="$$cert"; fi; \
	solve() { \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header $(if $(UPGRADE),--upgrade) \
	    pyproject.toml --extra build "$$@"; \
	}; \
	solve --output-file requirements/core.lock; \
	solve --extra local --constraint requirements/core.lock --output-file requirements/local.lock; \
	solve --extra learn --constraint requirements/core.lock --output-file requirements/learn.lock; \
	solve --extra local --extra learn --extra dev --constraint requirements/local.lock \
	  --constraint requirements/learn.lock --output-file requirements/dev.lock; \
	if grep -nE '://|^-|/opt|/work' requirements/*.lock; then \
	  echo "A lock names a host or a path of this machine." >&2; exit 1; \
	fi

clean: ## Remove the virtual environment and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Tasuki needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo 'not there')." >&2; \
	  echo "Name another one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

# What is in dev.lock contains what is in local.lock: after it, nothing is left to do for local.
.venv/.stamp-local: requirements/local.lock pyproject.toml | .venv/.stamp-venv
	$(call install,local)
	@touch $@

.venv/.stamp-dev: requirements/dev.lock pyproject.toml | .venv/.stamp-venv
	$(call install,dev)
	@touch $@ .venv/.stamp-local

# --no-compile: Python compiles what is used when it is used, a small part of what is installed.
define install
@echo "Installing requirements/$(1).lock into .venv ..."
@$(PIP) install --no-compile --require-hashes --requirement requirements/$(1).lock
@$(PIP) install --no-deps --no-build-isolation --editable .
endef
