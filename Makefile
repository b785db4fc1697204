# Two commands: `make lab` opens the course, `make test` proves it.
PYTHON ?= python3
BIN    := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help lab test lint setup setup-test notebooks exercises stills lock bench clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup:
	@command -v $(PYTHON) >/dev/null || { echo "k8snet: cannot set up: there is no '$(PYTHON)' on this machine; install Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py

setup-test:
	@command -v $(PYTHON) >/dev/null || { echo "k8snet: cannot set up: there is no '$(PYTHON)' on this machine; install Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py --extras test

lab: setup  ## set up everything and open the course in JupyterLab
	@$(BIN)/k8snet open

test: setup-test lint  ## set up everything and run every test
	@$(BIN)/python -m pytest

lint: setup-test  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

notebooks: setup-test  ## build the lessons' notebooks from their sources and execute them
	@$(BIN)/python tools/build_notebooks.py

exercises: setup-test  ## make exercises/ from solutions/
	@$(BIN)/k8snet release

stills: setup-test  ## redraw the static pictures that stand where no kernel runs
	@$(BIN)/python tools/make_stills.py

bench: setup-test  ## print the benchmarks' ratios (minutes)
	@for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: setup-test  ## resolve the exact versions anew into requirements.lock
	@$(BIN)/python tools/make_lock.py

clean:  ## remove the environment and the caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
