# One vocabulary for people and CI: `make help` lists the targets.

# Without byte code an import of TensorFlow takes 18 s instead of 7. Compiling all that is installed takes two minutes, most of
# it for modules that nothing here imports: what a sweep imports is compiled by the install, the rest when it is first used.
unexport PYTHONDONTWRITEBYTECODE
IMPORTS := import keras_tuner, mlflow.pyfunc.scoring_server, plotly.graph_objects, skops.io, tensorflow

SHELL := /bin/bash
JOBS ?= 3
ARGS ?=
MARKS ?= not rare
BENCHMARKS ?= decisions roofline tracking
COMPILE := .venv-tools/bin/uv pip compile --upgrade --universal --python-version 3.11 --quiet --no-header --no-annotate
PIP_INSTALL := -m pip install --no-compile --quiet --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: install sweep test test-slow test-jax check audit lock bench fuzz drill clean help

install: .venv/.installed ## make .venv from requirements.lock (does nothing when it is up to date)

# The project's own code is found in this folder: only a changed lock or project file asks for pip again.
.venv/.installed: requirements.lock pyproject.toml setup.py
	@echo "Installing the locked environment into .venv (once; takes some minutes) ..."
	@python=$$(.ci/find-python) && $$python -m venv .venv
	@(while sleep 20 >/dev/null 2>&1; do echo "  still installing ($$SECONDS s)"; done) & trap "kill $$!" EXIT; \
		.venv/bin/python $(PIP_INSTALL) --requirement requirements.lock
	@.venv/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@.venv/bin/python -c "$(IMPORTS)" 2>.venv/.imports || { cat .venv/.imports; exit 1; }
	@touch $@

.venv-jax/.installed: requirements-jax.lock
	@echo "Installing Keras on JAX, without TensorFlow, into .venv-jax ..."
	@python=$$(.ci/find-python) && $$python -m venv .venv-jax
	@.venv-jax/bin/python $(PIP_INSTALL) --requirement requirements-jax.lock
	@touch $@

.venv-tools/.installed: requirements-tools.lock
	@echo "Installing the linters of shell scripts and manifests into .venv-tools ..."
	@python=$$(.ci/find-python) && $$python -m venv .venv-tools
	@.venv-tools/bin/python $(PIP_INSTALL) --requirement requirements-tools.lock
	@touch $@

sweep: install ## find the right-sized network for data=wages; ARGS="data=titanic ..." for more
	@.venv/bin/python -m pipeline.sweep $(ARGS)

test: install ## run the tests but the rare ones on JOBS=3 processes; ARGS="-k words" for some
	@.venv/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "$(MARKS)" $(ARGS)

test-slow: install ## run the rare tests: minutes of sweeps that seldom are the first to fail
	@.venv/bin/python -m pytest -n $(JOBS) --dist worksteal -m rare $(ARGS)

test-jax: .venv-jax/.installed ## run the training tests on the JAX backend, in an environment without TensorFlow
	@KERAS_BACKEND=jax .venv-jax/bin/python -m pytest -n $(JOBS) --dist worksteal -m "not rare and not any_backend" tests/training $(ARGS)

check: install .venv-tools/.installed ## formatting, lint (security rules too), types, architecture, shell, YAML, manifests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv-tools/bin/yamllint --strict conf deploy
	@.venv-tools/bin/shellcheck .ci/run .ci/find-python deploy/slurm/sweep.sbatch
	@.venv/bin/python -m pytest -q tests/test_architecture.py tests/test_deploy.py

audit: .venv-tools/.installed ## look the locked versions up in the public vulnerability database (needs the network)
	@.venv-tools/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off

lock: .venv-tools/.installed ## solve all lock files anew, for Python 3.11 to 3.13
	@$(COMPILE) --group dev --extra ray --extra images pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group jax-only --constraint requirements.lock --output-file requirements-jax.lock
	@$(COMPILE) --group manifests --constraint requirements.lock --output-file requirements-tools.lock
	@$(COMPILE) --extra cluster --extra images --constraint requirements.lock pyproject.toml --output-file deploy/locks/cpu.lock
	@$(COMPILE) --extra gpu --extra jax-gpu --constraint deploy/locks/cpu.lock --constraint requirements-jax.lock \
		pyproject.toml --output-file deploy/locks/cuda.lock
	@$(COMPILE) --group server-image --constraint requirements.lock --output-file deploy/locks/server.lock

bench: install ## run BENCHMARKS="decisions roofline ..." one after another
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
