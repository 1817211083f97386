# Two commands: `make lab` opens the course, `make test` runs every test.
# Both build .venv on first use; after that they cost seconds.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
PINNED := -c constraints.txt
PINS   := pyproject.toml constraints.txt

# Why one thread: see course_lib/problems/__init__.py
export OPENBLAS_NUM_THREADS := 1
# Every test starts processes, and each would compile the library anew.
unexport PYTHONDONTWRITEBYTECODE

help:                ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 18

lab: $(VENV)/lab     ## open the course in JupyterLab
	@echo "Opening JupyterLab on the start page. Stop it with Ctrl-C."
	$(RUN) -m jupyterlab notebooks/00_start_here.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

test: $(VENV)/test tools   ## run all tests
	@echo "Lint, spelling and layering ..."
	$(RUN) -m ruff check .
	$(VENV)/bin/codespell course_lib solutions tests README.md
	$(VENV)/bin/lint-imports
	@echo "Tests (three at a time on two cores: some wait, for browsers and processes) ..."
	$(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15

newest:              ## run all tests on the newest versions that pyproject.toml allows, in an environment of their own
	rm -rf .venv-newest
	$(MAKE) test VENV=.venv-newest PINNED=

bench: $(VENV)/test  ## measure speed, as ratios to bare NumPy
	mkdir -p build
	$(RUN) -m pytest tests/benchmarks/bench_*.py --benchmark-disable-gc --benchmark-columns=median --benchmark-json=build/benchmarks.json -q

build: $(VENV)/test  ## regenerate the notebooks from their masters
	$(RUN) -m course_lib.grading build
	$(RUN) -m course_lib.grading.guide > solutions/MISTAKES.md

site: $(VENV)/test   ## the reading edition as plain web pages, into site/
	$(RUN) -m course_lib.reading site

pins:                ## refresh constraints.txt to the newest allowed versions
	rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) && $(RUN) -m pip install -q -e '.[test]'
	(echo "# The exact versions that the tests ran with; made by \`make pins\`."; \
	 $(RUN) -m pip freeze --exclude-editable --exclude pip --exclude setuptools) > constraints.txt

# A stamp file a set of packages: pip runs again only when the pins change.
$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "This course needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module. On Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(RUN) -m pip install -q --disable-pip-version-check uv || echo "No uv for this machine; pip takes its place."

# uv takes ten seconds, pip a minute; pip knows the mirrors that uv was not told of. Not compiled ahead: Python
# does that to what it imports.
$(VENV)/lab $(VENV)/test: $(VENV)/%: $(VENV)/bin/python $(PINS)
	@echo "Installing the pinned versions for '$*' (half a minute, once) ..."
	@export PYTHONWARNINGS=ignore UV_SYSTEM_CERTS=1; \
	 uv="$(VENV)/bin/uv pip install -q --no-cache --python $(RUN) $(PINNED) -e"; \
	 pip="$(RUN) -m pip install -q --no-compile --disable-pip-version-check $(PINNED) -e"; \
	 $$uv '.[$*,cluster]' || { echo "uv could not; pip tries ..."; $$pip '.[$*,cluster]'; } || { $$pip '.[$*]' && \
	   echo "NO MPI for this machine: lecture 10 will say so and show the simulator; everything else works."; }
	@touch $@

# What pip cannot install: the browser tests drive the system's Chromium, the grader's sandbox is bubblewrap.
# What Debian recommends beside them, printers and the like, is left out: it takes longer than they do.
tools:
	@missing=""; \
	 command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	   missing="chromium fonts-liberation"; \
	 command -v bwrap >/dev/null || missing="$$missing bubblewrap"; \
	 if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	   echo "Installing$${missing:+ $$missing} (once) ..."; \
	   apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends $$missing >/dev/null && missing=""; fi; \
	 [ -z "$$missing" ] || echo "MISSING: $$missing. What needs it is SKIPPED. On Debian: apt-get install $$missing"

.PHONY: help lab test newest bench build site pins tools
