# make teacher   build the declared teacher
# make test      run the tests
# make check     formatting, lint, types
# Each works as the first command on a fresh clone: Python 3.11+, git and make are enough.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS = 1
READERS := $(patsubst requirements/readers/%.txt,.venv/readers/%/.done,$(wildcard requirements/readers/*.txt))

.PHONY: teacher test test-avx2 test-slow test-clients check lock schema docs package clean
.DELETE_ON_ERROR:

teacher: .venv/pipeline
	@python -m teacherspec repro
	@python -m teacherspec show

test: .venv/dev
	python -m pytest -m "not slow" -n 2

test-slow: .venv/dev
	python -m pytest -m slow

# Tests of numbers once more with other kernels: results must not depend on the type of CPU.
NUMERIC_TESTS := tests/pipeline/causal_lm/test_package.py tests/unit/finetune/test_losses.py \
  tests/unit/finetune/test_micro_batches.py tests/unit/finetune/test_contrastive_trainer.py \
  tests/unit/inference tests/unit/text/test_packing.py tests/unit/text/test_decoding.py \
  tests/unit/text/test_logit_moments.py tests/unit/tasks/test_mean_pooling.py tests/unit/package/test_model_export.py

test-avx2: .venv/dev
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		python -m pytest -m "not slow" -n 2 $(NUMERIC_TESTS)

# Programs that read packages but need other versions of pinned libraries, each in a folder of its own.
test-clients: .venv/dev $(READERS)
	python -m pytest $$(grep -rl --include='test_*.py' "tests.toys.readers" tests)

check: .venv/dev
	ruff format --check .
	ruff check .
	mypy

lock: .venv/dev
	python requirements/lock.py

schema: .venv/dev
	python -m teacherspec schema --write
	python -m docs.reference

# The documentation as a site in out/docs.
docs: .venv/docs/.done
	NO_MKDOCS_2_WARNING=1 .venv/docs/bin/python -m docs.site

# sdist and wheel in out/dist, and what they hold.
package: .venv/dev
	rm -rf out/dist
	python -m build --outdir out/dist
	python -m pytest -m slow tests/pipeline/gitops/test_built_package.py

clean:
	rm -rf .venv .scratch artifacts .pytest_cache .mypy_cache .ruff_cache .hypothesis teacherspec.egg-info

# Stamps: the environment is created once for each version of the pins; after that make only compares times.
.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "teacherspec needs Python 3.11 or newer; choose one with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/pipeline: .venv/python requirements.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/dev: .venv/pipeline requirements-dev.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/readers/%/.done: requirements/readers/%.txt .venv/python
	rm -rf $(@D)
	python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	@touch $@

.venv/docs/.done: requirements/docs.txt .venv/python
	python -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

include pipeline.mk
