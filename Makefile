# Each target works on a fresh clone by itself: .venv is made from constraints.txt the first time it is needed.
PYTHON ?= python3
BIN := .venv/bin
# As many processes as cores, but four at most; each computes on one core. tests/conftest.py says what runs where.
# WORKERS=0 is one process.
WORKERS ?= logical
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: install demo test test-fast lint coverage fuzz browser constraints transformers-tests

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: install
	$(BIN)/python app.py

test: install browser
	$(PYTEST)

# What needs no browser, no training and no large network: a minute.
test-fast: install
	$(PYTEST) -m "not slow and not browser"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# transformers' own common tests, which `make test` then runs as well.
transformers-tests: install
	$(BIN)/python scripts/transformers_tests.py

# What the tests reach, those in other processes included; slower than `make test`.
coverage: install browser
	$(PYTEST) --cov --cov-report=term $(TESTS)

# An hour of broken and hostile input; the tests hold a short form.
fuzz: install
	$(BIN)/python -m scripts.fuzz --minutes 60

# The page is tested in Chromium, with axe-core. Where they cannot be installed, those tests are skipped with a loud line.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -qq -y chromium >/dev/null; } \
	  || echo "*** No Chromium: the browser tests will be SKIPPED. Install it, for example with: apt-get install chromium"
	@test -d tests/a11y/node_modules || npm install --silent --no-package-lock --prefix tests/a11y >/dev/null \
	  || echo "*** No npm: the accessibility test will be SKIPPED."

# Newer pins: writes plain name==version lines, no host and no path.
constraints: install
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --no-annotate --no-header --upgrade -o constraints.txt
