# Everything a person or a machine does with this repository. `make` alone says what there is.
#
#   PYTHON=python3.12   the interpreter the environment is made with (3.11 to 3.13; found when not given)
#   ONCE=1  DAYS=60     for `make demo`: end after the summary; how many whole days to pull
#   MONTH_DAYS=3        for `make prove`: how many days the simulated month has (30, for an hour or more)
#   SECTION=memory      for `make bench`: a part of it (a wrong name says which there are); night, year and idle take
#                       half an hour, a quarter and 12 minutes, and are no part of it unless they are named
#   RECORD=1            for `make bench`: add its figures to docs/performance.csv, and write docs/performance.md anew
#   BEFORE=…            for `make bench SECTION=whole_way` or small_run: the worktree of an earlier build, benched beside
#   DATA=1              for `make clean`: also delete .joulehouse, which holds the embedded warehouse and the landing zone

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AZURITE := $(VENV)/azurite
DAYS ?= 60
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes
PACKAGES := domain providers warehouse resources assets pipelines sandbox
LOCKED := --generate-hashes --no-strip-extras --universal --python-version 3.11 --no-header --no-emit-index-url
EXTRAS := s3 azure gcs kubernetes workers
# Beside requirements.lock, which has the rest: an image takes the drivers it needs.
export DRIVERS := import sys, tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'][sys.argv[1]], sep='\n')

# Nothing here reports to anybody.
export DAGSTER_DISABLE_TELEMETRY := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export PYTHONUNBUFFERED := 1
# A demo starts a process for every run, and the tests hundreds: without compiled modules each would compile ours anew.
unexport PYTHONDONTWRITEBYTECODE
export BEFORE

.DEFAULT_GOAL := help
.PHONY: help venv demo ui test lint format lock prove bench clean
.DELETE_ON_ERROR:

help: ## What there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

venv: $(READY) ## The environment in .venv, from the hashed lock

demo: $(READY) ## Pull real measured days through everything, then leave the Dagster UI open (ONCE=1: end after the summary)
	@$(BIN)/joulehouse demo --days $(DAYS) $(if $(ONCE),--once)

ui: $(READY) ## Open the Dagster UI again, on the same data
	@$(BIN)/joulehouse ui

test: lint $(AZURITE)/.ready ## Lint, then every test
	$(BIN)/pytest -n 3 --dist worksteal -m "not prove"

lint: $(READY) ## ruff, formatting, strict types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Let ruff put formatting and imports right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(READY) ## Renew every lock from pyproject.toml (hashes, no addresses)
	$(BIN)/uv pip compile -q --upgrade pyproject.toml $(LOCKED) -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --group build $(LOCKED) -c requirements.lock -o requirements-build.lock
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --group dev $(LOCKED) -c requirements.lock -o requirements-dev.lock
	for extra in $(EXTRAS); do $(BIN)/python -c "$$DRIVERS" $$extra \
	  | $(BIN)/uv pip compile -q - $(LOCKED) --no-annotate -c requirements-dev.lock -o requirements-$$extra.lock || exit 1; done
	$(BIN)/uv pip compile -q --upgrade --group bench $(LOCKED) -o requirements-bench.lock

.env: ## The containers' settings, with random passwords and the sandbox as the provider
	@umask 077; while IFS= read -r line; do case "$$line" in \
	  '#'*|'') printf '%s\n' "$$line";; *=) printf '%s%s\n' "$$line" "$$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')";; *) printf '%s\n' "$$line";; \
	esac; done < .env.example > .env

prove: $(READY) $(AZURITE)/.ready ## The longer proofs
	$(BIN)/pytest -m prove

bench: $(READY) .venv-bench/.ready ## Speed and memory, against raw COPY and dlt (SECTION=memory: a part)
	$(BIN)/python -m tests.bench $(SECTION) $(if $(RECORD),--record)

# The peer has an environment of its own: what it needs is nothing that we need.
.venv-bench/.ready: requirements-bench.lock $(READY)
	$(BIN)/python -m venv .venv-bench
	if ! { $(BIN)/uv --version >/dev/null 2>&1 && $(BIN)/uv pip install -q --python .venv-bench/bin/python --require-hashes -r requirements-bench.lock; }; then \
	  .venv-bench/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.lock; \
	fi
	touch $@

# Azure's store on loopback, for tests: from a lock with hashes too, and no package runs a script of its own.
$(AZURITE)/.ready: tests/fakes/azurite/package-lock.json | $(READY)
	@command -v npm >/dev/null || { echo "The tests of the object stores need node and npm (Debian: nodejs and npm)." >&2; exit 1; }
	@mkdir -p $(AZURITE)
	cp tests/fakes/azurite/package.json tests/fakes/azurite/package-lock.json $(AZURITE)
	cd $(AZURITE) && npm ci --silent --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier
	@touch $@

clean: ## Stop what runs, and remove the environment and the caches (DATA=1: the data too)
	@if [ -x $(BIN)/joulehouse ]; then $(BIN)/joulehouse stop$(if $(DATA), && $(BIN)/joulehouse warehouse remove --yes); \
	elif [ -e .joulehouse/run ] || [ -e .joulehouse/warehouse ]; then \
	  echo "What runs here cannot be stopped without the environment: make venv, then make clean again." >&2; exit 1; \
	fi
	rm -rf $(VENV) .venv-bench *.egg-info build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	$(if $(DATA),rm -rf .joulehouse)

# The stamp is written last, so that an interrupted installation is begun again. Everything comes from a lock with
# hashes: uv and setuptools first, then the rest, then our own package, built with that setuptools. uv installs in
# seconds what takes pip a minute; where uv cannot be had or cannot reach what pip can, pip does the same work.
$(READY): requirements-build.lock requirements-dev.lock pyproject.toml
	@set -eu; \
	usable='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	chosen=''; \
	for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if "$$python" -c "$$usable" 2>/dev/null; then chosen="$$python"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "No Python 3.11, 3.12 or 3.13 with venv and pip (tried: $(or $(PYTHON),python3 python3.13 python3.12 python3.11)): install one (Debian: python3-venv), or name it with make PYTHON=/path/to/python3." >&2; \
	  exit 1; \
	fi; \
	if ! $(BIN)/python -c "$$usable" 2>/dev/null; then \
	  echo "Making $(VENV) with $$chosen"; rm -rf $(VENV); "$$chosen" -m venv $(VENV); \
	fi; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	echo "Installing the locked packages"; \
	if $(PIP) -r requirements-build.lock 2>/dev/null \
	    && $(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock; then :; \
	else \
	  echo "Without uv: this takes a minute or two"; \
	  $(PIP) -r requirements-dev.lock; \
	fi; \
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	$(BIN)/python -m compileall -q $(PACKAGES); \
	touch $@
