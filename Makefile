# Everything a developer does, one target each. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin

# From the environment or from make's command line: `make run PORTAL_PORT=8000`.
PORTAL_PORT ?= 5000
VENDOR_PORT ?= 5001
SMTP_PORT ?= 1025
INSTANCE_PATH ?= instance

# Files whose date says what was installed; remove one and its step runs again.
RUNTIME := .venv/.runtime.stamp
RUN := .venv/.run.stamp
DEV := .venv/.dev.stamp
VENDOR := static/vendor/.stamp
NODE_DEV := node_modules/.dev.stamp

heading = @printf '\n== %s\n'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- run

.PHONY: run
# Only here, not for all targets: the tests choose their own ports and folders. Unbuffered, because output goes
# through honcho's pipe. The kernel ends a process whose parent died (a closed terminal), where setpriv exists.
run: export DEVELOPMENT := 1
run: export PORTAL_PORT := $(PORTAL_PORT)
run: export VENDOR_PORT := $(VENDOR_PORT)
run: export SMTP_PORT := $(SMTP_PORT)
run: export INSTANCE_PATH := $(INSTANCE_PATH)
run: export PYTHONUNBUFFERED := 1
run: export WITH_PARENT = $(shell setpriv --pdeathsig TERM true 2>/dev/null && echo setpriv --pdeathsig TERM)
run: $(RUN) $(VENDOR) ## Start both portals, the jobs and a mail server for development; Ctrl-C stops them
	$(check_ports)
	@mkdir -p -- "$$INSTANCE_PATH"
	@$(BIN)/python -m shared.cli prepare
# No .env file: the environment is the only source of settings. 130 is honcho's answer to Ctrl-C, no failure.
# The trap keeps the shell waiting for honcho, which needs a moment to stop the four processes.
	@trap : INT; $$WITH_PARENT $(BIN)/honcho -e /dev/null -f Procfile start || [ $$? -eq 130 ]

.PHONY: migrate
migrate: export DEVELOPMENT := 1
migrate: export INSTANCE_PATH := $(INSTANCE_PATH)
migrate: $(RUNTIME) ## Bring the development database to the newest migration
	@mkdir -p -- "$$INSTANCE_PATH"
	@$(BIN)/python -m shared.cli migrate

# ---- checks

.PHONY: test
test: $(DEV) $(NODE_DEV) chromium ## Check style, types, imports and known weaknesses, then run all tests
	$(heading) "Style (ruff)"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	$(heading) "Types (mypy)"
	@$(BIN)/mypy
	$(heading) "Imports (import-linter)"
	@$(BIN)/lint-imports --no-logo
	$(heading) "Known weaknesses (bandit)"
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive shared portal vendor_portal wsgi.py
	$(heading) "Tests (pytest)"
	@$(BIN)/pytest -n 2

.PHONY: soak
SOAK := $(BIN)/pytest -q -o console_output_style=classic
soak: $(DEV) $(NODE_DEV) chromium ## Run the long tests, which `make test` leaves out (hours; a line each)
	@failed=; \
	$(SOAK) -n 2 -m "soak and not alone" || failed=1; \
	$(SOAK) -m "soak and alone" || failed=1; \
	$(BIN)/python -m tests.mutants || failed=1; \
	test -z "$$failed"

.PHONY: mutants
mutants: $(DEV) $(NODE_DEV) ## Take away each guard in turn, in a copy: a test must turn red
	$(heading) "Guards"
	@$(BIN)/python -m tests.mutants

.PHONY: bench
bench: $(DEV) $(VENDOR) ## Measure the search with 100,000 visits on both databases (some minutes)
	@$(BIN)/python -m bench.search

.PHONY: chromium
chromium: $(DEV) ## Find a browser for the tests, or install one
	$(heading) "Browser"
	@$(BIN)/python -m tests.browser.find_chromium

.PHONY: pictures
pictures: $(DEV) $(VENDOR) chromium ## Take the README's pictures anew
	@$(BIN)/python -m tests.browser.take_pictures

.PHONY: fmt
fmt: $(DEV) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

# ---- upkeep

PIP_COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: export CUSTOM_COMPILE_COMMAND := make lock
lock: $(DEV) ## Write the lock files anew from the lists; UPGRADE=1 takes newer versions
	@$(PIP_COMPILE) --output-file=requirements.txt requirements.in
	@$(PIP_COMPILE) --output-file=requirements-run.txt requirements-run.in
	@$(PIP_COMPILE) --output-file=requirements-dev.txt requirements-dev.in
	@npm install --package-lock-only --loglevel=error

.PHONY: audit
audit: $(DEV) ## Ask whether the libraries have known faults; "Error 1": yes, "Error 3": nobody could say
	@$(BIN)/python -m tests.audit

.PHONY: clean
clean: ## Remove what can be made again; never the instance folder
	@rm -rf .venv node_modules static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -path ./.git -prune -o -path './$(INSTANCE_PATH)' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- what the targets stand on

# Debian ships Python without venv and ensurepip; say so, rather than leave half a .venv.
define check_python
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: $(PYTHON) is not installed (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)." >&2; exit 1; }
endef

define check_ports
	@for port in "$$PORTAL_PORT" "$$VENDOR_PORT" "$$SMTP_PORT"; do \
	  if (: < "/dev/tcp/127.0.0.1/$$port") 2>/dev/null; then \
	    echo "Port $$port is taken, perhaps by another 'make run'. To choose others: make run PORTAL_PORT=8000 VENDOR_PORT=8001 SMTP_PORT=8025" >&2; exit 1; \
	  fi; \
	done
endef

define check_node
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node.js 18 or newer with npm is needed (Debian: apt-get install nodejs npm)." >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || { echo "Node.js 18 or newer is needed; this is $$(node --version)." >&2; exit 1; }
endef

# -qq: errors only. A .venv whose Python is gone (a system upgrade) is made anew.
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes

$(RUNTIME): requirements.txt
	$(check_python)
	@echo "Installing Python libraries in .venv (a minute at first)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

# What an installation for a clinic does without.
$(RUN): requirements-run.txt $(RUNTIME)
	@echo "Installing the development mail server and process starter in .venv"
	@$(PIP_INSTALL) -r requirements-run.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	@echo "Installing test and check tools in .venv"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

$(VENDOR): package.json package-lock.json
	$(check_node)
	@echo "Installing browser libraries in static/vendor"
	@npm ci --omit=dev --loglevel=error >/dev/null
	@rm -rf static/vendor && mkdir -p static/vendor
	@cp node_modules/htmx.org/dist/htmx.min.js static/vendor/
	@cp node_modules/@picocss/pico/css/pico.min.css static/vendor/
	@touch $@

# `npm ci` empties node_modules, this stamp with it: whenever $(VENDOR) is made anew, so is this.
$(NODE_DEV): $(VENDOR)
	@echo "Installing the accessibility checker in node_modules"
	@npm ci --loglevel=error >/dev/null
	@touch $@
