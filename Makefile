# make teacher   build the declared teacher
# make test      run the tests
# make check     formatting, lint, types
# Each works as the first command on a fresh clone: Python 3.11+, git and make are enough.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS = 1
READERS := $(patsubst requirements/readers/%.txt,.venv/readers/%/.done,$(wildcard requirements/readers/*.txt))

.PHONY: teacher test test-avx2 test-slow test-clients check lock schema clean
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

.venv/remote-%: requirements/remotes/%.txt .venv/pipeline
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r $<
	@touch $@

.venv/readers/%/.done: requirements/readers/%.txt .venv/python
	rm -rf $(@D)
	python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	@touch $@

# What the workflows run, step by step; each also works on a laptop. Results are in out/, which git ignores.
export BASE ?= main
export BUILDER ?= urn:teacherspec:builder:local
export TAG ?= $(shell git describe --exact-match --match 'teacher@v*' 2>/dev/null)

# Plugins of DVC for the remotes that .dvc/config names by their addresses.
REMOTES := $(shell sed -n 's,^ *url = \(s3\|gs\|azure\|ssh\)://.*,\1,p' .dvc/config .dvc/config.local 2>/dev/null | sort -u)

setup: .venv/pipeline $(REMOTES:%=.venv/remote-%)

check-pipeline: setup
	python -m teacherspec check
	python -m teacherspec verify-lock

# The report of a pull request: HEAD against BASE.
review: setup
	python -m teacherspec diff "$$BASE" HEAD --folder out/review

summary:
	cat out/review/diff.md >> "$${GITHUB_STEP_SUMMARY:-/dev/stdout}"

comment: setup
	python -m teacherspec comment out/review/diff.md

comment-merge-request: setup
	python -m teacherspec comment --service gitlab out/review/diff.md

# Private access to the DVC remote, given as the content of a .dvc/config.local.
remote:
	@if [ -n "$$DVC_CONFIG_LOCAL" ]; then umask 077; printf '%s\n' "$$DVC_CONFIG_LOCAL" > .dvc/config.local; fi

# Build what is not built yet; with a DVC remote, take from it what others built.
build: setup
	@if [ -n "$$(dvc remote list)" ]; then python -m teacherspec repro --pull --allow-missing; else python -m teacherspec repro; fi

push: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc push --run-cache; else echo "no DVC remote: nothing pushed"; fi

# What a build changed in git, to be applied on the branch of the pull request: git apply results.patch
results:
	@mkdir -p out
	git add --intent-to-add --all
	git diff --binary HEAD > out/results.patch

# The teacher of TAG, which must be checked out: from the remote, or built again and compared.
obtain: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc pull; else python -m teacherspec rebuild-release "$$TAG" && dvc checkout; fi

verify: setup
	python -m teacherspec verify-artifacts
	python -m teacherspec verify-package artifacts/teacher

release-files: setup
	python -m teacherspec pack-release "$$TAG" out/release
	python -m teacherspec write-attestation artifacts/teacher --out out/release/attestation --builder "$$BUILDER"
