# The verbs. Nothing else starts anything.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.complete
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ROWS ?= 10000000
BENCH_JOBS ?= 200000
BENCH_RUNS ?= 1000000

# dbt's usage statistics are off wherever dbt is started from here.
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test lint app docs bench clean

help: ## list these verbs
	@sed -nE 's/^([a-z]+):[^#]*## (.*)$$/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|' 2>/dev/null \
	  || sed -nE 's/^([a-z]+):[^#]*## (.*)$$/  make \1: \2/p' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make .venv with exactly the locked packages

$(STAMP): requirements.lock pyproject.toml .ci/setup
	@.ci/setup "$(PYTHON)" < /dev/null
	@touch $@

demo: setup ## recorded sample → published numbers on one screen; no network, no secret
	@$(BIN)/observatory demo < /dev/null

test: setup ## every test: lint, conventions, models, sources, app, browser, end to end
	@printf '%s\n' .ci/chromium '.ci/environment '{frameworks,airflow,bqemulator} | xargs -L 1 -P $(WORKERS) env
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS) < /dev/null

lint: setup ## ruff, mypy and sqlfmt; changes nothing
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file hook/pyproject.toml hook
	@$(BIN)/sqlfmt --quiet --check models macros tests/dbt

app: setup ## the web app on the published numbers
	@$(BIN)/observatory app

docs: setup ## the models' documentation, with lineage
	@$(BIN)/observatory docs

bench: setup ## speed of landing and of the night (BENCH_ROWS, BENCH_JOBS, BENCH_RUNS)
	@$(BIN)/python bench/bill.py --rows $(BENCH_ROWS) < /dev/null
	@$(BIN)/python bench/sacct.py --jobs $(BENCH_JOBS) < /dev/null
	@$(BIN)/python bench/hours.py --runs $(BENCH_RUNS) < /dev/null
	@$(BIN)/python bench/hook.py < /dev/null
	@$(BIN)/python bench/collector.py < /dev/null

clean: ## remove data/, target/ and caches; a landing kept elsewhere is never touched
	@rm -rf data target logs site dist bench/out
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
