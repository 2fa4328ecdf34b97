# The front door: each target works alone on a fresh machine with Python, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(VENV)/tools/bin/uv

.DEFAULT_GOAL := help
.PHONY: help demo test check test-system bench-install bench-rollout bench-swaps bench-hashing bench-checks bench-tracking bench-runs-chaos bench-pipeline bench-chaos bench-monitor bench-drift bench-electricity docs lock clean

help: ## Show this page.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Play the story on real parts and check each act. KEEP=1 leaves the server up.
	@$(BIN)/plimsoll demo $(if $(KEEP),--keep)

test: $(READY) ## Every test that needs Python only; about thirteen minutes on two cores.
	$(BIN)/pytest -n 2 -m "not system"

test-system: $(READY) ## Tests that need system parts: databases, containers, clusters.
	$(BIN)/pytest -m system

check: $(READY) ## Lint, format, types, import contracts, spelling.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench-install: $(READY) ## Measure the core install: seconds, megabytes, milliseconds of --help.
	$(BIN)/python benchmarks/install.py

bench-rollout: $(READY) ## Measure the tests of a rollout: error rates, power, requests to advance.
	$(BIN)/python benchmarks/rollout.py

bench-swaps: $(READY) ## Change what answers a thousand times under load, and look for a request that failed.
	$(BIN)/python benchmarks/swaps.py

bench-chaos: $(READY) ## Kill servers, doors and workers in rollouts under load; 50 rounds.
	$(BIN)/python -m benchmarks.chaos

bench-runs-chaos: $(READY) ## Kill a run's engine, fork server or step; 100 rounds, each held against an undisturbed run.
	$(BIN)/python -m benchmarks.runs_chaos

bench-pipeline: $(READY) ## What running steps costs beside their work: first run, nothing changed, 200 steps; beside ten peers.
	$(BIN)/python benchmarks/pipeline.py

bench-monitor: $(READY) ## Simulate years of monitoring: false alarms, delays, what common rules would say.
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/monitor.py

bench-drift: $(READY) ## Compare two tables of a million rows for drift: seconds and megabytes.
	$(BIN)/python benchmarks/drift.py --csv

bench-checks: $(READY) ## Check 1 M and 20 M rows of 30 columns, beside a query by hand, Pandera and Great Expectations.
	$(BIN)/python benchmarks/checks.py

bench-hashing: $(READY) ## Look at 10,000 unchanged files and hash 2 GB, beside openssl.
	$(BIN)/python benchmarks/hashing.py

bench-electricity: $(READY) ## Replay two and a half years of a market; compare four retraining policies. About 10 minutes.
	$(BIN)/python benchmarks/electricity.py

bench-tracking: $(READY) ## Measure logging: points a second in a step and over HTTP, and to read 100,000.
	$(BIN)/python benchmarks/tracking.py

docs: $(READY) ## Write the pages that are made from the code.
	$(BIN)/python docs/make_reference.py

lock: $(UV) ## Resolve the dependencies anew into requirements/.
	$(UV) pip compile -q $(LOCK_OPTIONS) pyproject.toml -o requirements/core.txt
	$(UV) pip compile -q $(LOCK_OPTIONS) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(UV) --version | awk '{ print "uv==" $$2 }' | $(UV) pip compile -q $(LOCK_OPTIONS) - -o requirements/uv.txt

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

clean: ## Remove what these targets made.
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache

$(UV): requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# No bytecode would make every start two seconds slower, so it is compiled whatever the environment says.
$(READY): $(UV) requirements/dev.txt pyproject.toml
	@echo "installing the locked packages into $(VENV)"
	@env -u PYTHONDONTWRITEBYTECODE $(UV) pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements/dev.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
