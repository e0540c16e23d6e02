# Farman's commands. `make` alone lists them; each installs first what it needs.

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Empty; its time says when the environment was last brought up to the locks.
STAMP := $(VENV)/installed
# The first Python that is new enough, whatever the system calls it. Another one: make clean install PYTHON=…
PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
# Words for the tool behind a target: make test ARGS="tests/domain -x"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install test check bench bench-offices soak demo demo-offices docs lock jars clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make the environment in .venv: every file checked against the locks' hashes
	@:

# --no-deps, --no-build-isolation: nothing gets in that the lock doesn't name.
$(STAMP): bootstrap.lock requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Farman needs Python 3.11 or later. \
	Debian: apt-get install python3 python3-venv; macOS: brew install python@3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

test: install  ## every test, on SQLite and PostgreSQL; one part: make test ARGS=tests/domain
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: install  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install  ## measure against the raw limits of the same run; QUICK=1 takes two minutes
	QUICK=$(QUICK) $(BIN)/python -m bench $(ARGS)

bench-offices: install  ## the same for offices over a real broker
	QUICK=$(QUICK) $(BIN)/python -m bench.offices $(ARGS)

soak: install  ## kill everything under load and compare every line; less than an hour
	$(BIN)/python -m bench.soak

demo: install  ## an order reaches a whole province, and is replayed
	$(BIN)/farman demo $(ARGS)

demo-offices: install  ## HQ and three regions as processes: one loses its line, and nothing is lost
	$(BIN)/python -m demo.offices $(ARGS)

# By hand, when pyproject.toml's dependencies change. Never uv.lock: that one names registries.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(ARGS)

docs: install  ## write the generated pages and record the outputs in the others anew
	$(BIN)/python -m docs.tools.generate
	$(BIN)/python -m docs.tools.record

lock: install  ## write the locks anew; newer versions: make lock ARGS=--upgrade
	$(COMPILE) --group dev pyproject.toml --output-file requirements.lock
	sed -n 's/^\(uv==[^ ]*\).*/\1/p' bootstrap.lock | $(COMPILE) - --output-file bootstrap.lock

jars: install  ## write kafka-jars.lock anew, as for another Kafka in tests/services/jars.py
	$(BIN)/python -m tests.services jars

clean:  ## remove what these commands made: .venv, build/ and caches
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
