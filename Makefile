# Two commands do everything: `make run` and `make test`. Each prepares what it needs.
PYTHON ?= python3
VENV   := .venv
PEERS  := .venv-peers
BIN    := $(VENV)/bin
export MESHCAST_HOME ?= $(CURDIR)/.meshcast

.DEFAULT_GOAL := help
.PHONY: help run test ui lint benchmarks clean lock

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else "meshcast needs Python 3.11, 3.12 or 3.13; this is %d.%d (choose one: make PYTHON=python3.12 ...)" % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/run.stamp  ## land the demo's real sales lines and publish a forecast of them
	$(BIN)/meshcast land complete-journey
	$(BIN)/meshcast run --today 2018-01-01

test: $(VENV)/dev.stamp lint  ## lint, types, layers, every test, a dbt build and the end-to-end run
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 15

ui: $(VENV)/run.stamp  ## open Dagster with the project loaded
	$(BIN)/meshcast ui --today 2018-01-01

lint: $(VENV)/dev.stamp  ## ruff, mypy, import layers, contracts and sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/meshcast contracts check
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	$(BIN)/sqlfluff lint --templater jinja examples/replenishment/models examples/replenishment/tests

$(PEERS)/peers.stamp: requirements/benchmarks.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/benchmarks.txt
	@touch $@

benchmarks: $(VENV)/run.stamp $(PEERS)/peers.stamp  ## measure accuracy beside peers; needs the sets in ../shared/data
	$(BIN)/python -m benchmarks.accuracy

clean:  ## remove the environments and the demo's home, .meshcast
	rm -rf $(VENV) $(PEERS) .meshcast .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

lock:  ## resolve the requirements again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --extra demo --extra build --extra dev pyproject.toml --output-file requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --extra demo --extra build --constraints requirements/dev.txt pyproject.toml --output-file requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --group pyproject.toml:benchmarks --output-file requirements/benchmarks.txt
