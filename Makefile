# make demo         install, then fine-tune, score and tag offline
# make test         every test; set CROSSNER_DATA_DIR to the official files to test against them too
# make fuzz         10,000 mutants of every kind of file that is read (FUZZ='--seed 1' for others)
# make test-legacy  the loading script and the pushed data set under datasets 3.6, in an environment of its own
# make test-lowest  the core tests with the lowest versions that pyproject.toml allows, in an environment of its own
# make lint         format, style and types
# make docs         the site, into site/; fails on a broken link
# make tables       rewrite the tables of the pages from the records
# make bench        speed, as ratios (BENCH="scorer start" for some rows)
# Each target installs what it needs. PYTHON= names another interpreter, TESTS= some tests.
PYTHON ?= python3
BIN := .venv/bin
PROJECT := pyproject.toml constraints.txt
PIP := python -m pip install --quiet --disable-pip-version-check
CORE := tests/test_schema.py tests/data tests/metric tests/masking/test_collators.py tests/masking/test_spans.py \
  tests/models tests/tagger tests/results tests/finetuning/test_fine_tune.py tests/experiments/test_report_numbers.py
# These compare with seqeval, which is not installed there.
CORE_WITHOUT := tests/metric/test_span_f1.py tests/tagger/test_iob2.py

.PHONY: demo test fuzz test-legacy test-lowest lint docs tables bench clean

demo: .venv/.offline
	@$(BIN)/crossner-hf demo

test: .venv/.dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

fuzz: .venv/.dev
	@PYTHONPATH=tests:tests/experiments OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m fuzz $(FUZZ)

test-legacy: .venv/.dev .legacy/.done
	@rm -rf .legacy/prepared
	@PYTHONPATH=tests $(BIN)/python tests/legacy/prepare.py .legacy/prepared
	@CROSSNER_LEGACY=.legacy/prepared .legacy/bin/pytest --noconftest tests/legacy

test-lowest: .lowest/.done
	@OMP_NUM_THREADS=1 .lowest/bin/python -m pytest -n 2 --dist loadfile $(CORE) $(CORE_WITHOUT:%=--ignore=%)

lint: .venv/.dev
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

docs: .venv/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

tables: .venv/.offline
	@$(BIN)/python scripts/render_tables.py

bench: .venv/.dev
	@$(BIN)/python benchmarks/bench.py $(BENCH)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("crossner-hf needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv

.venv/.offline: .venv/bin/python $(PROJECT)
	@echo "installing into .venv (torch and transformers: some minutes the first time) …"
	@$(BIN)/$(PIP) -c constraints.txt -e '.[offline]'
	@touch $@

.venv/.dev: .venv/.offline
	@echo "installing what the tests need …"
	@# seqeval, which the tests compare with, has no wheel, and its setup.py needs setuptools-scm beforehand.
	@$(BIN)/$(PIP) -c constraints.txt setuptools setuptools-scm wheel
	@$(BIN)/$(PIP) -c constraints.txt --no-build-isolation seqeval
	@$(BIN)/$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

.venv/.docs: .venv/.offline
	@$(BIN)/$(PIP) -c constraints.txt -e '.[offline,docs]'
	@touch $@

.legacy/.done:
	@$(PYTHON) -m venv .legacy
	@.legacy/bin/$(PIP) 'datasets==3.6.0' pytest
	@touch $@

# LOWEST= replaces some of the lowest versions, as in LOWEST=torch==2.13.0
.lowest/.done: pyproject.toml scripts/lowest_versions.py
	@$(PYTHON) -m venv .lowest
	@.lowest/bin/python scripts/lowest_versions.py $(LOWEST) > .lowest/constraints.txt
	@.lowest/bin/$(PIP) -c .lowest/constraints.txt -e '.[offline,report]' hypothesis pytest pytest-xdist
	@touch $@

clean:
	rm -rf .venv .legacy .lowest .fuzz runs dist site .pytest_cache .mypy_cache .ruff_cache
