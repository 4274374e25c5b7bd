# Every target sets up what it needs in .venv and is quick the second time. Paths may hold spaces.
# Packages are compiled once, on all cores: where Python may not keep what it compiles, every start took 6 s longer.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: env demo test test-slow check bench fuzz docs release-check clean

env: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(PY) -m uv pip install --quiet --python $(PY) --compile-bytecode -r requirements.lock
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps -e .
	@touch $@

demo: env
	@$(PY) -m hilum demo

test: env
	@$(PY) -m pytest -q -n auto --dist loadgroup

# Half an hour and more. axe-core looks at the pages in Chromium, where npm and Chromium are there.
test-slow: env
	@! command -v npm >/dev/null || npm install --silent --no-save --no-package-lock --no-audit axe-core
	@$(PY) -m pytest -q -m slow -n auto --dist loadgroup

check: env
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c "from importlinter.cli import lint_imports_command as lint; lint()"

bench: env
	@$(PY) -m benchmarks

fuzz: env
	@$(PY) -m tests.fuzz

docs: env
	@$(PY) docs/build.py

# The wheel in an empty environment, outside this folder: see docs/release.md.
release-check: env
	@.ci/release-check

clean:
	rm -rf .venv demo site dist
