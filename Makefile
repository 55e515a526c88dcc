# One vocabulary for people and CI: `make help` lists the targets.

# Without byte code an import of TensorFlow takes 18 s instead of 7.
unexport PYTHONDONTWRITEBYTECODE

SHELL := /bin/bash
JOBS ?= 2
ARGS ?=
BENCHMARKS ?= decisions throughput roofline tracking
LOCK_FLAGS := --universal --python-version 3.11 --quiet --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-options
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: install sweep test test-jax check audit lock bench fuzz drill clean help

install: .venv/.installed ## make .venv from requirements.lock (does nothing when it is up to date)

# The project's own code is found in this folder: only a changed lock or project file asks for pip again.
.venv/.installed: requirements.lock pyproject.toml setup.py
	@echo "Installing the locked environment into .venv (once; takes some minutes) ..."
	@python=$$(.ci/find-python) && $$python -m venv .venv
	@.venv/bin/python $(PIP_INSTALL) --requirement requirements.lock
	@.venv/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-jax/.installed: requirements-jax.lock
	@echo "Installing Keras on JAX, without TensorFlow, into .venv-jax ..."
	@python=$$(.ci/find-python) && $$python -m venv .venv-jax
	@.venv-jax/bin/python $(PIP_INSTALL) --requirement requirements-jax.lock
	@touch $@

.venv-tools/.installed: Makefile
	@python=$$(.ci/find-python) && $$python -m venv .venv-tools
	@.venv-tools/bin/python $(PIP_INSTALL) pip-audit uv
	@touch $@

sweep: install ## find the right-sized network for data=wages; ARGS="data=titanic ..." for more
	@.venv/bin/python -m pipeline.sweep $(ARGS)

test: install ## run all tests on JOBS=2 processes; ARGS="-k words" for some
	@.venv/bin/python -m pytest -n $(JOBS) $(ARGS)

test-jax: .venv-jax/.installed ## run the training tests on the JAX backend, in an environment without TensorFlow
	@KERAS_BACKEND=jax .venv-jax/bin/python -m pytest -n $(JOBS) tests/training $(ARGS)

check: install ## formatting, lint (security rules included), types, architecture, shell, YAML, manifests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/yamllint --strict conf deploy
	@.venv/bin/shellcheck .ci/run .ci/find-python $(wildcard deploy/*.sh deploy/*/*.sh)
	@.venv/bin/python -m pytest -q tests/test_architecture.py tests/test_deploy.py

audit: .venv-tools/.installed ## look the locked versions up in the public vulnerability database (needs the network)
	@.venv-tools/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

lock: .venv-tools/.installed ## solve both lock files anew, for Python 3.11 to 3.13
	@.venv-tools/bin/uv pip compile $(LOCK_FLAGS) --upgrade --group dev --extra ray --extra images \
		pyproject.toml --output-file requirements.lock
	@.venv-tools/bin/uv pip compile $(LOCK_FLAGS) --upgrade --group jax-only \
		--constraint requirements.lock --output-file requirements-jax.lock

bench: install ## run BENCHMARKS="decisions throughput ..." one after another
	@set -e; for name in $(BENCHMARKS); do .venv/bin/python -m benchmarks.$$name; done

fuzz: install ## thousands of random tables and configurations (make test runs a few of each)
	@HYPOTHESIS_PROFILE=fuzz .venv/bin/python -m pytest -n $(JOBS) -m fuzz --hypothesis-show-statistics $(ARGS)

drill: install ## the nightly story with real servers: preempted twice, resumed elsewhere, promoted or not
	@.venv/bin/python -m benchmarks.drill $(ARGS)

clean: ## remove caches, builds and sweep outputs; the store under mlruns/ and the environments stay
	@rm -rf build dist ./*.egg-info outputs multirun .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage*
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
