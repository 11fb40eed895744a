# make teacher   build the declared teacher
# make test      run the tests
# make check     formatting, lint, types
# Each works as the first command on a fresh clone: Python 3.11+, git and make are enough.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS = 1
READERS := $(patsubst requirements/readers/%.txt,.venv/readers/%/.done,$(wildcard requirements/readers/*.txt))

.PHONY: teacher test test-slow test-clients check lock schema clean
.DELETE_ON_ERROR:

teacher: .venv/road
	@python -m teacherspec repro
	@python -m teacherspec show

test: .venv/dev
	python -m pytest -m "not slow" -n 2

test-slow: .venv/dev
	python -m pytest -m slow

# Programs that read packages and need other versions of what is pinned, each in a folder of its own.
test-clients: .venv/dev $(READERS)
	python -m pytest $$(grep -l "tests.toys.readers" tests/*/test_*.py)

check: .venv/dev
	ruff format --check .
	ruff check .
	mypy

lock: .venv/dev
	python requirements/lock.py

schema: .venv/dev
	python -m teacherspec schema --write

clean:
	rm -rf .venv .scratch artifacts .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Stamps: the environment is made once for each content of the pins, then costs a file check.
.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "teacherspec needs Python 3.11 or newer; say which with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/road: .venv/python requirements.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev: .venv/road requirements-dev.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/readers/%/.done: requirements/readers/%.txt .venv/python
	rm -rf $(@D)
	python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	@touch $@

# What the workflows run, step by step; each works on a laptop too. Results lie below out/, which git ignores.
export BASE ?= main
export TAG ?= $(shell git describe --exact-match --match 'teacher@v*' 2>/dev/null)

setup: .venv/road

check-road: setup
	python -m teacherspec check
	python -m teacherspec deps
	python -m teacherspec verify --lock

# The report of a pull request: HEAD against BASE.
review: setup
	python -m teacherspec diff "$$BASE" HEAD --folder out/review

summary:
	cat out/review/diff.md >> "$${GITHUB_STEP_SUMMARY:-/dev/stdout}"

comment: setup
	python -m teacherspec comment out/review/diff.md

# Private access to the DVC remote, given as the text of a .dvc/config.local.
remote:
	@if [ -n "$$DVC_CONFIG_LOCAL" ]; then umask 077; printf '%s\n' "$$DVC_CONFIG_LOCAL" > .dvc/config.local; fi

# Build what is not built yet; where there is a remote, take from it what others built.
build: setup
	@if [ -n "$$(dvc remote list)" ]; then python -m teacherspec repro --pull --allow-missing; else python -m teacherspec repro; fi

push: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc push --run-cache; else echo "no DVC remote: nothing pushed"; fi

# What a build changed in git, to be applied where the pull request is written: git apply results.patch
results:
	@mkdir -p out
	git add --intent-to-add --all
	git diff --binary HEAD > out/results.patch

# The teacher of TAG, which is checked out: its bytes from the remote, or built again and compared.
obtain: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc pull; else python -m teacherspec reproduce "$$TAG" && dvc checkout; fi

verify: setup
	python -m teacherspec verify artifacts/teacher --artifacts

attach: setup
	python -m teacherspec attach "$$TAG" out/release
