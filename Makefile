# Everything a stranger types. bootstrap.py makes .venv and looks after system packages; the rest runs in .venv.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check format bench lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make the environment in .venv, with the command .venv/bin/voeg
	@$(PYTHON) bootstrap.py

demo:  ## build the simulated landscape, sync it, and report what came of it
	@$(PYTHON) bootstrap.py --packages demo
	@$(BIN)/voeg demo

test:  ## run every test but the slow ones, against real servers that the tests start themselves
	@$(PYTHON) bootstrap.py --packages test
	@$(BIN)/python -m pytest -m "not slow"

test-slow:  ## run the slow tests: a million source records, linking on Spark
	@$(PYTHON) bootstrap.py --packages slow
	@$(BIN)/uv sync --frozen --quiet --inexact --extra spark
	@$(BIN)/python -m pytest -m slow -s

check: setup  ## lint, types, import contract, spelling
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/yamllint --strict .

format: setup  ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench:  ## measure stages beside their plain floors, and how well customers are found (IDENTITY_OPTIONS=--records=1000000)
	@$(PYTHON) bootstrap.py --packages test
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.identity $(IDENTITY_OPTIONS)

lock: setup  ## bring uv.lock and requirements.lock up to pyproject.toml (LOCK_OPTIONS=--upgrade: to what is newest)
	@$(BIN)/uv lock $(LOCK_OPTIONS)
	@$(BIN)/uv export --frozen --quiet --no-emit-project --no-header --output-file requirements.lock

clean:  ## remove the environment and everything that was generated
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
