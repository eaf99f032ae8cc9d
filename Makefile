# Everything runs in .venv, which the targets create and bring up to date themselves.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
JOBS ?= 2
TORCH_INDEX ?=
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
FLOORS := .venv-floors
LOGS := _build/logs

# The stamps carry a checksum: the set-up is redone when these files change, not before.
SETUP := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
FLOORS_SETUP := $(shell cat pyproject.toml constraints-colab.txt | cksum | cut -d' ' -f1)
BOOK_READY := $(VENV)/.book-$(SETUP)
READY := $(VENV)/.all-$(SETUP)
FLOORS_READY := $(FLOORS)/.all-$(FLOORS_SETUP)

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PART_I := $(wildcard $(patsubst %,wgan_lessons/%.py,\
	boxes transport duality densities examples)) wgan_lessons/divergences
HEADING = @printf '\n== %s\n'

.PHONY: help setup book test lint tests nbval links check-site lighthouse test-floors \
	notebooks studies bench bench-grade serve format url clean

help:  ## print these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

book: $(BOOK_READY)  ## build the book into _build/html (needs no torch)
	$(HEADING) "book"
	$(BIN)/jupyter-book build book -q -W -n --keep-going

setup: $(READY)  ## install everything into .venv, and test nothing

test: $(READY)  ## all that must pass: lint, tests, nbval, a fresh book, pages
	@rm -rf _build
	@$(MAKE) --no-print-directory lint tests nbval book links check-site
	$(HEADING) "all passed; the closing lines of nbval, of the pages and of the tests:"
	@tail -qn 1 $(LOGS)/nbval.txt $(LOGS)/site.txt $(LOGS)/tests.txt

lint: $(READY)  ## part of make test: format, style, spelling
	$(HEADING) "lint"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python book/tools/notebooks.py --lint
	$(BIN)/codespell

tests: $(READY)  ## part of make test: pytest, with the doctests of part I
	$(HEADING) "tests"
	@mkdir -p $(LOGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -rs --durations 10 \
		--ignore tests/test_site.py --doctest-modules tests $(PART_I) 2>&1 | tee $(LOGS)/tests.txt

nbval: $(READY)  ## part of make test: every notebook again, outputs compared
	$(HEADING) "nbval"
	@mkdir -p $(LOGS)
	OMP_NUM_THREADS=1 $(BIN)/python book/tools/judge.py 2>&1 | tee $(LOGS)/nbval.txt

links: $(BOOK_READY)  ## part of make test: the built book's links, offline
	$(HEADING) "links"
	$(BIN)/python book/tools/check_links.py _build/html

check-site: $(READY) book  ## part of make test: every page in Chromium, with axe
	$(HEADING) "check-site"
	@mkdir -p $(LOGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -rs --durations 5 \
		tests/test_site.py 2>&1 | tee $(LOGS)/site.txt

lighthouse: book  ## three pages by Lighthouse (needs node and Chromium)
	$(HEADING) "lighthouse"
	$(BIN)/python book/tools/lighthouse.py _build/html

test-floors: $(FLOORS_READY)  ## the tests with Colab's versions, in .venv-floors
	OMP_NUM_THREADS=1 $(FLOORS)/bin/python -m pytest -n $(JOBS) tests

notebooks: $(READY)  ## execute the notebooks whose source changed (ALL=1: every one)
	$(BIN)/python book/tools/notebooks.py $(if $(ALL),--all)

studies: $(READY)  ## make the stored studies of data/results again (long)
	$(BIN)/wgan-lessons study all --jobs $(JOBS)

bench: $(READY)  ## measure the training loops against plain ones
	$(BIN)/python -m benchmarks

bench-grade: $(READY)  ## measure how fast a class of 100 is graded
	$(BIN)/python -m benchmarks.grading --jobs $(JOBS)

serve: book  ## show the book on http://127.0.0.1:8000 (PORT=)
	$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 $(PORT)

format: $(READY)  ## let ruff rewrite the code and the notebooks' cells
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python book/tools/notebooks.py --format

url: $(BOOK_READY)  ## write the repository's URL of _config.yml where it is needed
	$(BIN)/python book/tools/set_url.py

clean:  ## remove what was built (environments and downloads stay)
	rm -rf _build dist .pytest_cache .ruff_cache .hypothesis

export PIP_CONSTRAINT := constraints.txt
$(FLOORS_READY): export PIP_CONSTRAINT := constraints-colab.txt

%/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say make PYTHON=python3.11")'
	@$(PYTHON) -m venv $* || { rm -rf $*; exit 1; }

$(BOOK_READY): | $(BIN)/python
	$(HEADING) "set-up of the book's tools in $(VENV)"
	@rm -f $(VENV)/.book-* $(VENV)/.all-*
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["book"], sep="\n")' > $(VENV)/book.txt
	$(BIN)/python $(PIP_INSTALL) -r $(VENV)/book.txt
	$(BIN)/python $(PIP_INSTALL) --no-deps -e .
	@touch $@

$(READY): | $(BIN)/python
	$(HEADING) "set-up of everything in $(VENV); PyTorch is a long download"
	@rm -f $(VENV)/.book-* $(VENV)/.all-*
	$(BIN)/python $(PIP_INSTALL) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		-e '.[book,test,grade,dask,site,dev]'
	@touch $(BOOK_READY) $@

$(FLOORS_READY): | $(FLOORS)/bin/python
	$(HEADING) "set-up of Colab's versions in $(FLOORS)"
	@rm -f $(FLOORS)/.all-*
	$(FLOORS)/bin/python $(PIP_INSTALL) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		-e '.[test,grade,dev]'
	@touch $@
