# Run as root: Open vSwitch labs need it. `make` alone lists the targets.

PYTHON     := .venv/bin/python
# The module that writes docs/pipeline.md from the declared pipeline
DOCS       := app.core.pipeline_doc
# Labs start their own ovs-vswitchd in the current network namespace, so give each run one of its own.
PRIVATE_NET := unshare --net -- sh -c 'ip link set lo up && exec "$$@"' sh
# More arguments for pytest, the benchmarks or the mutants: make test ARGS='-k epoch -x'
ARGS       ?=
# A file's tests stay together: they share a switch, in a network namespace of their own. PARALLEL= for one after the other.
PARALLEL   ?= -n auto --dist loadfile
# make demo ONCE=1: leave after the matrix; exit status 0 only if every row is as it should be
ONCE       ?=
export ONCE

.DEFAULT_GOAL := help
.PHONY: help setup setup-all demo test lint test-compose bench mutants docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## two tenants' VMs and an outside host on a real switch; ONCE=1 leaves after the matrix
	@$(PYTHON) -m demo

test: setup-all lint  ## linting, typing and all tests, those with real packets included
	@$(PRIVATE_NET) $(PYTHON) -m pytest -q $(PARALLEL) $(ARGS)

lint: setup  ## ruff and mypy
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m mypy --no-error-summary

test-compose: setup  ## docker-compose.yml built, started and driven with real packets (brings its own engine if need be)
	@tools/with-docker $(PYTHON) tools/compose_test.py

bench: setup  ## the benchmarks
	@$(PRIVATE_NET) $(PYTHON) -m benchmarks $(ARGS)

mutants: setup  ## break the compiler on purpose and see the tests notice
	@$(PYTHON) -m tests.mutants $(ARGS)

docs: setup  ## write docs/pipeline.md, the end of docs/cli.md and etc/ovswarden.conf.sample from what the code declares
	@$(PYTHON) -m $(DOCS)
	@$(PYTHON) -m cli.reference
	@.venv/bin/oslo-config-generator --namespace ovswarden --wrap-width 100 --output-file etc/ovswarden.conf.sample

setup:  ## what is missing: Debian packages and .venv
	@tools/setup

setup-all:
	@tools/setup --all

clean:  ## remove the environments and caches of this checkout
	rm -rf .venv .venv-osken3 build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
