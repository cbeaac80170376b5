# make demo   sets up and runs the main job, offline after the install
# make test   runs every test; set CROSSNER_DATA_DIR to the official files to test against them too
# make test-legacy   the loading script and the pushed data set under datasets 3.6, in an environment of its own
# make lint   style and static checks        make bench   measures speed, as ratios, and prints a table
# Each target makes .venv and installs what it needs if that is missing. PYTHON= names another interpreter.
PYTHON ?= python3
BIN := .venv/bin
PROJECT := pyproject.toml constraints.txt

.PHONY: demo test test-legacy lint bench clean

demo: .venv/.offline
	@$(BIN)/crossner-hf demo

test: .venv/.dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

test-legacy: .venv/.dev .legacy/.done
	@rm -rf .legacy/prepared
	@PYTHONPATH=tests $(BIN)/python tests/legacy/prepare.py .legacy/prepared
	@CROSSNER_LEGACY=.legacy/prepared .legacy/bin/pytest --noconftest tests/legacy

.legacy/.done:
	@$(PYTHON) -m venv .legacy
	@.legacy/bin/python -m pip install --quiet --disable-pip-version-check 'datasets==3.6.0' pytest
	@touch $@

lint: .venv/.dev
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

bench: .venv/.dev
	@$(BIN)/python benchmarks/bench.py $(BENCH)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("crossner-hf needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv .venv

.venv/.offline: .venv/bin/python $(PROJECT)
	@echo "installing into .venv (torch and transformers: some minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[offline]'
	@touch $@

.venv/.dev: .venv/.offline
	@echo "installing what the tests need …"
	@# seqeval comes as source alone, and its setup.py fetches setuptools-scm without what that needs itself.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools setuptools-scm wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation seqeval
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[offline,dev]'
	@touch $@

clean:
	rm -rf .venv .legacy runs dist .pytest_cache .ruff_cache
