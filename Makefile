# Needs GNU make and Python 3.11, 3.12 or 3.13; everything else is installed into .venv at the first call.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

# With both servers named, the whole suite runs on them and a skipped test fails; else their tests are left out.
SERVICES := $(and $(DATABASE_URL),$(REDIS_URL))
WITHOUT := $(if $(SERVICES),, and not services)
PYTEST := $(PY) -m pytest $(if $(SERVICES),--fail-on-skip)

# Checks never touch ./data.
CHECK := PIXTASKS_DATA_DIR=$(VENV)/checks
SECRET = $$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(RUNTIME) ## Serve http://127.0.0.1:8000 with workers and scheduler (HOST=, PORT=, WORKERS=)
	@exec $(PY) manage.py up $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(if $(WORKERS),--workers $(WORKERS))

.PHONY: demo
demo: $(RUNTIME) ## Crawl and validate real image files, and print what came out
	@exec $(PY) manage.py demo

.PHONY: test
test: lint types imports checks pytest ## Run every check and the whole test-suite

.PHONY: lint
lint: $(DEVELOPMENT) ## Check style and common mistakes (ruff)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: format
format: $(DEVELOPMENT) ## Rewrite the code in the common format (ruff)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: types
types: $(DEVELOPMENT) ## Check types (mypy)
	$(CHECK) $(PY) -m mypy

.PHONY: imports
imports: $(DEVELOPMENT) ## Check the direction of imports (import-linter)
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

.PHONY: checks
checks: $(DEVELOPMENT) ## Check migrations, the production settings and the API schema
	$(CHECK) $(PY) manage.py makemigrations --check --dry-run
	$(CHECK) PIXTASKS_PROFILE=production PIXTASKS_SECRET_KEY=$(SECRET) PIXTASKS_JWT_KEY=$(SECRET) \
	    PIXTASKS_ALLOWED_HOSTS=pictures.example PIXTASKS_BASE_URL=https://pictures.example \
	    DATABASE_URL=postgresql://127.0.0.1:5432/pixtasks REDIS_URL=redis://127.0.0.1:6379/0 \
	    $(PY) manage.py check --deploy --fail-level WARNING
	$(CHECK) $(PY) manage.py spectacular --fail-on-warn --validate --file /dev/null

.PHONY: pytest
pytest: $(DEVELOPMENT)
	$(PYTEST) -n 2 --dist loadfile -m "not process and not browser$(WITHOUT)"
	$(PYTEST) -m "(process or browser)$(WITHOUT)"

.PHONY: schema
schema: $(DEVELOPMENT) ## Write the OpenAPI document to openapi.yaml
	$(CHECK) $(PY) manage.py spectacular --fail-on-warn --validate --file openapi.yaml

.PHONY: benchmark
benchmark: $(DEVELOPMENT) ## Measure a crawl of 2,000 files served from this machine (ARGS="--count 500")
	@exec $(PY) -m benchmarks.crawl $(ARGS)

.PHONY: bench-ledger
bench-ledger: $(RUNTIME) ## Measure the ledger at 1,000 and at 1,000,000 tasks (DATABASE_URL= for PostgreSQL, ROWS=)
	@exec $(PY) -m benchmarks.ledger $(if $(ROWS),--large $(ROWS))

$(RUNTIME): requirements.txt .ci/install
	@.ci/install requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements.txt .ci/install
	@.ci/install requirements-dev.txt
	@touch $@ $(RUNTIME)
