# `make` lists the targets. `make dev` and `make test` need nothing before them but Python >= 3.11.

.DEFAULT_GOAL := help
.PHONY: help install dev test check lint bench schemas docs clean

# The first Python >= 3.11 that can also make a virtual environment; name another with `make PYTHON=…`.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$python; break; }; done)
BIN := .venv/bin

# The tests start hundreds of Pythons: without kept bytecode each compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install: .venv/installed ## create .venv with everything pinned

.venv/installed: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "hookline needs Python 3.11 or newer, with venv (on Debian: apt install python3 python3-venv). None was found; \
	name one with: make install PYTHON=/path/to/python" >&2; exit 1; }
	@echo "installing into .venv with $$($(PYTHON) --version) (one to five minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

dev: install ## run everything in one process, with simulated platforms
	@$(BIN)/hookline dev $(ARGS)

test: install ## run all tests, several side by side; ARGS="-n 0 …" for one after another
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: install ## ruff, mypy --strict and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## what CI runs: lint, then all tests

bench: install ## measure speed; prints figures, asserts nothing
	@$(BIN)/python bench/run.py $(ARGS)

schemas: install ## write the JSON Schemas anew
	@$(BIN)/hookline schemas export schemas/generated

docs: install ## write what docs/ has from the code anew
	@$(BIN)/python -m tests.conventions.reference

clean: ## remove .venv and caches, never your data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
