# make teacher   build the declared teacher
# make test      run the tests
# make check     formatting, lint, types
# Each works as the first command on a fresh clone: Python 3.11+, git and make are enough.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS = 1

.PHONY: teacher test test-slow test-clients check lock schema clean
.DELETE_ON_ERROR:

teacher: .venv/road
	@python -m teacherspec repro
	@python -m teacherspec show

test: .venv/dev
	python -m pytest -m "not slow" -n 2

test-slow: .venv/dev
	python -m pytest -m slow

# Also with TRL and the readers of statements, bills of materials and signatures.
test-clients: .venv/clients
	python -m pytest tests/package

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

.venv/clients: .venv/dev requirements-clients.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements-clients.txt
	@touch $@
