# `make demo` and `make test` need Python >= 3.10, a C++ compiler and make; they set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := CMakeLists.txt pyproject.toml $(shell find csrc lammps_plugin openmm_plugin cmake -type f 2>/dev/null)

.PHONY: build demo test test-slow lint format clean

# Third-party packages; again whenever pyproject.toml changes.
.stamp-packages: pyproject.toml scripts/dependencies.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=23' tomli
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dependencies.py first)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dependencies.py rest)
	touch $@

# mlipkit itself, editable; compiled parts are rebuilt incrementally.
.stamp-build: .stamp-packages $(SOURCES)
	touch $@.started  # what is edited while this runs is newer than the stamp
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-build-isolation --no-deps --editable .
	mv $@.started $@

build: .stamp-build

demo:
	@start=$$(date +%s); $(MAKE) --no-print-directory build && \
	  $(BIN)/python examples/demo/run.py --setup-seconds $$(( $$(date +%s) - start ))

test: build
	$(BIN)/python -m pytest

test-slow: build
	$(BIN)/python -m pytest -m slow

lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')

format: build
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')

clean:
	rm -rf build .stamp-* demo_out
