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
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

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
	    TASKS_API_URL=https://pictures.example TASK_API_KEY=check.$(SECRET) WEBHOOK_SECRET=$(SECRET) \
	    NEXT_PUBLIC_APP_URL=https://app.pictures.example PIXTASKS_USER_AGENT_CONTACT=https://pictures.example/about \
	    WEBSOCKET_SERVER_URL=http://127.0.0.1:3001 INTERNAL_API_SECRET=$(SECRET) \
	    DATABASE_URL=postgresql://127.0.0.1:5432/pixtasks REDIS_URL=redis://127.0.0.1:6379/0 \
	    $(PY) manage.py check --deploy --fail-level WARNING
	$(CHECK) $(PY) manage.py spectacular --fail-on-warn --validate --file /dev/null

.PHONY: pytest
pytest: $(DEVELOPMENT)
	$(PYTEST) -n 2 --dist loadfile -m "not process and not browser$(WITHOUT)"
	$(PYTEST) -n 2 --dist loadfile -m "(process or browser)$(WITHOUT)"

.PHONY: schema
schema: $(DEVELOPMENT) ## Write the OpenAPI document to openapi.yaml
	$(CHECK) $(PY) manage.py spectacular --fail-on-warn --validate --file openapi.yaml

.PHONY: attack
attack: $(DEVELOPMENT) ## Run the long forms of the attacks and print one table (ARGS="--images 1000 --only images")
	@$(PY) -m tests.attack $(ARGS)

.PHONY: screenshots
screenshots: $(DEVELOPMENT) ## Take the pictures of docs/images: light, dark and phone (needs Chromium)
	@exec $(PY) -m tests.browser.screenshots

.PHONY: benchmark
benchmark: $(DEVELOPMENT) ## Measure a crawl of 2,000 files served from this machine (ARGS="--count 500")
	@exec $(PY) -m benchmarks.crawl $(ARGS)

.PHONY: faults
faults: $(DEVELOPMENT) ## Kill, stop and starve real processes, and print what was lost (FAULTS=T1,T7 KILLS=1000 LEASE=30)
	@exec $(PY) -m tests.faults $(if $(FAULTS),--faults $(FAULTS)) $(if $(KILLS),--kills $(KILLS)) \
	    $(if $(LEASE),--lease $(LEASE)) $(if $(WRITE),--write)

.PHONY: bench-ledger
bench-ledger: $(RUNTIME) ## Measure the ledger at 1,000 and at 1,000,000 tasks (DATABASE_URL= for PostgreSQL, ROWS=)
	@exec $(PY) -m benchmarks.ledger $(if $(ROWS),--large $(ROWS))

.PHONY: bench-console
bench-console: $(RUNTIME) ## Measure every page of the console at 1,000,000 tasks and images (DATABASE_URL=, ROWS=, ARGS=)
	@exec $(PY) -m benchmarks.console $(if $(ROWS),--rows $(ROWS)) $(ARGS)

.PHONY: bench-realtime
bench-realtime: $(RUNTIME) ## Measure live progress: 500 WebSocket clients, 50 events a second (ARGS="--clients 100")
	@exec $(PY) -m benchmarks.realtime $(ARGS)

$(RUNTIME): requirements.txt .ci/install
	@.ci/install requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements.txt .ci/install
	@.ci/install requirements-dev.txt
	@touch $@ $(RUNTIME)
