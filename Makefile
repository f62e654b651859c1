# SPDX-License-Identifier: Apache-2.0
#
# A fresh machine needs git, make, a C compiler and Python >= 3.11 with headers; the rest is
# installed into .venv.
#
#   make demo        build, install into .venv, show what it does
#   make test        every proof, about 17 minutes on two cores
#   make <stage>     one of them: $(STAGES) below
#   make format      rewrite the layout of C and Python;  make generate: rewrite generated pages
#   make bench       figures of the core, then tryget bench --quick
#   make sim-night   the simulator for a night
#   make clean       everything but .venv;  make distclean: that too
#
# Budgets, in the environment:
#   TRYGET_SIM_SECONDS      the simulator in `make sim` (120)
#   TRYGET_SIM_JOBS         processes of `make sim-night` (one a processor)
#   TRYGET_SIM_TASK_SECONDS the longest exploration in `make sim-night` (0: as long as it takes)
#   TRYGET_TORTURE_SECONDS  each torture test with real processes (10)
#   TRYGET_FT_PYTHON        a free-threaded Python: the Python tests run under it too
#   TRYGET_PYTEST           more arguments for pytest, e.g. '-k rename -x'
#   TRYGET_VERBOSE=1        stages show all output

export TRYGET_SIM_SECONDS ?= 120
export TRYGET_TORTURE_SECONDS ?= 10
TRYGET_SIM_JOBS ?= $(shell nproc)
TRYGET_SIM_TASK_SECONDS ?= 0
TRYGET_PYTEST ?=
TRYGET_FT_PYTHON ?=
PYTHON ?=

SHELL := /bin/bash
BIN := $(CURDIR)/.venv/bin
HOST_PATH := $(PATH)
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

C_FILES = $(shell git ls-files -co --exclude-standard 'csrc/*.[ch]' 'sim/*.[ch]' 'tests/*.[ch]')
PACKAGE_FILES := $(shell find csrc src -type f) meson.build meson.options pyproject.toml

PYTEST_STAGES := pytest-dev pytest-threads $(if $(TRYGET_FT_PYTHON),pytest-free-threaded) pytest
CORE_STAGES := core-debug core-sanitize core-race order
STAGES := tidy lint typing $(CORE_STAGES) sim mutants docs $(PYTEST_STAGES)

.PHONY: test demo install setup develop format generate bench sim-night package clean distclean
.PHONY: $(STAGES)
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Every stage runs even if an earlier one fails; pytest is last, its closing line is ours.
test:
	@$(MAKE) --no-print-directory -k $(STAGES)

# --- set-up ---------------------------------------------------------------------------------

setup: .venv/setup.stamp

.venv/setup.stamp: pyproject.toml tools/requirements.py tools/find_python
	@python=$$(PATH='$(HOST_PATH)' tools/find_python $(PYTHON)) && \
	  echo "setup         .venv from $$python" && \
	  { [ -x .venv/bin/python ] || "$$python" -m venv .venv; }
	@.venv/bin/python tools/requirements.py build test dev > .venv/requirements.txt
	@.venv/bin/python -m pip install --quiet -r .venv/requirements.txt
	@touch $@

install: .venv/install.stamp

.venv/install.stamp: .venv/setup.stamp $(PACKAGE_FILES)
	@echo "install       the package, built as for a release"
	@python -m pip install --quiet --no-build-isolation --no-deps --force-reinstall \
	  -Cbuild-dir=build/python .
	@touch $@

# Imports rebuild what changed; for work on the package, not for the tests.
develop: .venv/setup.stamp
	@python -m pip install --quiet --no-build-isolation --no-deps -Cbuild-dir=build/develop -e .
	@rm -f .venv/install.stamp

demo: .venv/install.stamp
	@tryget demo

# --- the rules of the house -----------------------------------------------------------------

tidy: .venv/setup.stamp
	@tools/stage $@ 'the source keeps the rules of STYLE.md, and every barrier has a partner' \
	  sh -c 'python tools/pairs.py --check && python tools/matrix.py --check && python tools/tidy.py'

lint: .venv/setup.stamp
	@tools/stage $@ 'layout and common mistakes: ruff, clang-format' \
	  sh -c 'ruff check . && ruff format --check . && clang-format --dry-run -Werror $(C_FILES)'

typing: .venv/install.stamp
	@tools/stage $@ 'the annotations hold under mypy --strict' mypy

# --- the C core -----------------------------------------------------------------------------

CORE_TESTS := -Dextension=false -Dcore_tests=true -Dwerror=true --buildtype=debugoptimized
SANITIZE := address,undefined

build-debug/build.ninja: .venv/setup.stamp Makefile
	@rm -rf build-debug
	@meson setup build-debug $(CORE_TESTS) > /dev/null

# Instrumented code makes the compiler guess wrongly about uninitialised variables.
QUIET := -Wno-maybe-uninitialized

build-sanitize/build.ninja: .venv/setup.stamp Makefile
	@rm -rf build-sanitize
	@meson setup build-sanitize $(CORE_TESTS) -Db_sanitize=$(SANITIZE) \
	  -Dc_args='-fno-sanitize-recover=all $(QUIET)' > /dev/null

build-race/build.ninja: .venv/setup.stamp Makefile
	@rm -rf build-race
	@meson setup build-race $(CORE_TESTS) -Db_sanitize=thread \
	  -Dc_args='-Wno-unused-function $(QUIET)' > /dev/null

core-debug: build-debug/build.ninja
	@tools/stage $@ 'each layer of the core does what its header says (C unit tests)' \
	  tools/core_tests build-debug

core-sanitize: build-sanitize/build.ninja
	@tools/stage $@ 'the same tests touch no foreign memory and have no undefined behaviour' \
	  tools/sanitized $(SANITIZE) tools/core_tests build-sanitize

core-race: build-race/build.ninja
	@tools/stage $@ 'the same tests have no data race (ThreadSanitizer)' \
	  tools/sanitized thread tools/core_tests build-race

order: .venv/setup.stamp
	@tools/stage $@ 'the compiler kept the order of our stores (release machine code)' \
	  python tools/store_order.py

# --- the simulator --------------------------------------------------------------------------

build-sim/build.ninja: .venv/setup.stamp
	@meson setup build-sim -Dextension=false -Dsim=true -Dwerror=true \
	  --buildtype=debugoptimized > /dev/null

.PHONY: build-sim
build-sim: build-sim/build.ninja
	@ninja -C build-sim --quiet tryget-sim

sim: build-sim
	@tools/stage $@ 'schedules and crashes at every point of the real core (simulator)' \
	  build-sim/tryget-sim --ci --budget $(TRYGET_SIM_SECONDS)

mutants: build-sim
	@tools/stage $@ 'a core without any one of its rules is caught by the simulator' \
	  build-sim/tryget-sim --mutants

# Resumes where it ended, for the same sources; a task is one exploration of one scenario.
sim-night: export TRYGET_VERBOSE := 1
sim-night: build-sim
	@tools/stage $@ 'all schedules and crashes within the bounds, to their end (hours)' \
	  build-sim/tryget-sim --night --jobs $(TRYGET_SIM_JOBS) --progress build-sim/night.progress \
	  --budget $(TRYGET_SIM_TASK_SECONDS)

# --- the package ----------------------------------------------------------------------------

docs: .venv/install.stamp
	@tools/stage $@ 'the examples of README and docs run as they are printed' \
	  python -m pytest -q tests/docs

# In the environment, so that processes which the tests start have it too.
pytest-dev: .venv/install.stamp
	@tools/stage $@ 'the same in development mode: memory that is freed, left open, written past' \
	  env PYTHONDEVMODE=1 PYTHONMALLOC=debug TRYGET_TORTURE_SECONDS=4 \
	  python -m pytest -q tests/api tests/conformance tests/crash

pytest-threads: .venv/install.stamp
	@tools/stage $@ 'four threads at once run each test, and share the process' \
	  python -m pytest -q --parallel-threads=4 tests/api tests/conformance

pytest: .venv/install.stamp
	@echo "pytest        the package keeps its contract: Python tests, kills, torture"
	@python -m pytest --ignore=tests/docs $(TRYGET_PYTEST) || \
	  { echo "pytest        FAILED; replay: make pytest TRYGET_PYTEST='<test id>'"; exit 1; }

.venv-ft/setup.stamp: pyproject.toml tools/requirements.py
	@echo "setup         .venv-ft from $(TRYGET_FT_PYTHON)"
	@[ -x .venv-ft/bin/python ] || "$(TRYGET_FT_PYTHON)" -m venv .venv-ft
	@.venv-ft/bin/python tools/requirements.py build test > .venv-ft/requirements.txt
	@.venv-ft/bin/python -m pip install --quiet -r .venv-ft/requirements.txt
	@touch $@

.venv-ft/install.stamp: .venv-ft/setup.stamp $(PACKAGE_FILES)
	@PATH='$(CURDIR)/.venv-ft/bin:$(HOST_PATH)' .venv-ft/bin/python -m pip install --quiet \
	  --no-build-isolation --no-deps --force-reinstall -Cbuild-dir=build/python-ft .
	@touch $@

pytest-free-threaded: .venv-ft/install.stamp
	@tools/stage $@ 'the same contract without the interpreter lock' \
	  env PYTHON_GIL=0 .venv-ft/bin/python -m pytest --ignore=tests/docs --ignore=tests/tidy \
	  $(TRYGET_PYTEST)

# What a user does: an isolated build of the source distribution, a compiler and headers only.
package: .venv/setup.stamp
	@tools/stage $@ 'the source distribution builds and imports by itself' tools/package_check

bench: .venv/install.stamp
	@python benchmarks/run.py
	@tryget bench --quick

# --- housekeeping ---------------------------------------------------------------------------

format: .venv/setup.stamp
	@ruff check --select I --fix --quiet . ; ruff format --quiet . && clang-format -i $(C_FILES)

generate: .venv/setup.stamp
	@python tools/pairs.py --write && python tools/matrix.py --write

clean:
	@rm -rf build build-debug build-sanitize build-race build-sim dist
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@rm -f .venv/install.stamp .venv-ft/install.stamp

distclean: clean
	@rm -rf .venv .venv-ft
