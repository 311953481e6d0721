# Needs Python 3.11 or newer with pip, and make. Everything else is installed into .venv: what tests need at
# first, and the tools of other targets when one of them is called. With PYTHON=python3.12 all of it is done with that
# Python, in .venv-python3.12.

PYTHON ?= python3
# The oldest Python that pyproject.toml allows; requirements/lowest.txt is for it.
LOWEST_PYTHON ?= python3.11
VENV := .venv$(addprefix -,$(notdir $(filter-out python3,$(PYTHON))))
BIN := $(VENV)/bin
# What is pinned is whole: pip has nothing to resolve.
INSTALL = -m pip install --quiet --disable-pip-version-check --no-deps
PARALLEL := --numprocesses=auto --dist=worksteal
# Everywhere where code is written by hand.
CODE := overlay scripts tests benchmarks examples

# A test run starts hundreds of processes; without this each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-svg docs bench bench-quick bench-micro bench-instructions bench-batch bench-logs test test-all test-core tools conformance check hops drift lint-spec generate api contract regenerate check-generated check-release record cli-page transports-page report-picture trace-picture build sbom check-dist check-lowest lock clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'

demo: build/demo/installed ## Show a workflow at work in this terminal: 24 packages, 20 s, nothing else needed
	@PYTHONPATH=overlay:generated build/demo/bin/python -m dify_workflow demo

demo-svg: $(VENV)/installed ## Write the live view of the demo as a picture, docs/demo.svg
	$(BIN)/python scripts/demo_svg.py

docs: $(VENV)/docs ## Build the documentation into build/site, strictly and without any network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site is ready: python3 -m http.server --directory build/site"

bench: $(addprefix $(VENV)/,bench examples) ## Measure this client and its peers, and write docs/performance.* (BENCH="words --rounds 9")
	$(BIN)/python -m benchmarks $(or $(BENCH),--publish)

bench-quick: $(VENV)/bench ## Measure this client against bare httpx, in a minute (BENCH="…")
	$(BIN)/python -m benchmarks --quick $(BENCH)

bench-micro: $(VENV)/bench ## Time an event of a stream from memory, with pyperf
	$(BIN)/python -m benchmarks.micro --fast

bench-instructions: $(VENV)/bench ## Count the instructions of an event, which noise does not change
	$(BIN)/python -m benchmarks.instructions

bench-batch: $(VENV)/bench ## Run batches of 100,000 rows and resume one of 1,000,000 (OPTIONS="…")
	$(BIN)/python -m benchmarks.batches $(OPTIONS)

bench-logs: $(VENV)/bench ## Read 100,000 and 1,000,000 rows of the log by cursor and by page number (ROWS="…")
	$(BIN)/python benchmarks/logs.py $(if $(ROWS),--rows $(ROWS))

test: $(VENV)/installed ## Run the tests that protect a change, in some minutes (PYTHON=python3.12 for another Python)
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

# Each of them uses the client with all that goes wrong on a connection.
CORE_TESTS := $(addprefix tests/test_,client.py client_options.py client_shapes.py files.py retry.py stream.py stream_end.py stream_errors.py outcomes.py \
	outcomes_search.py unreadable.py log_cursor.py secrets.py)

test-all: $(addprefix $(VENV)/,docs examples generate lint) tools/spec-lint/node_modules ## Run all tests; those of `make test` cover 95 % of the branches
	$(BIN)/python -m pytest -m "not slow" --cov $(PARALLEL)
	$(BIN)/python -m pytest -m slow $(PARALLEL)
	$(BIN)/python -m pytest -m "not slow" --http-client=httpx2 $(PARALLEL) $(CORE_TESTS)
	$(BIN)/python -m pytest -m "not slow" --http-client=aiohttp $(PARALLEL) $(CORE_TESTS) tests/test_chaos.py

test-core: $(VENV)/installed ## Run the tests of runs, streams, outcomes and logs alone (PYTHON=python3.12 for another Python)
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(CORE_TESTS)

conformance: $(VENV)/installed ## Send the recorded requests to a real server: DIFY_BASE_URL and DIFY_KEY_<APP>
	$(BIN)/python -m pytest --numprocesses=4 --dist=loadgroup --timeout=800 tests/test_conformance.py -k a_real_server_answers

check: $(addprefix $(VENV)/,examples lint) lint-spec ## Lint, format check, type checks
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/levels.py
	$(BIN)/python scripts/prose.py
	$(BIN)/mypy --strict overlay/dify_workflow overlay/dify_workflow_pytest generated/dify_workflow_api scripts benchmarks tests/typed examples/*.py examples/relay examples/pytest_suite
	$(BIN)/pyright --pythonpath $(BIN)/python

hops: $(VENV)/installed ## Count the files of ours that a call passes through
	@$(BIN)/python scripts/hops.py

drift: $(VENV)/installed ## Compare openapi.yaml with the document that Dify publishes (UPSTREAM=path-or-url, JSON=1)
	@test -n "$(UPSTREAM)" || { echo "Say which document: make drift UPSTREAM=path-or-url" >&2; exit 2; }
	@$(BIN)/python -m scripts.drift $(if $(JSON),--json) "$(UPSTREAM)"

lint-spec: $(VENV)/lint tools/spec-lint/node_modules ## Validate and lint openapi.yaml
	$(BIN)/openapi-spec-validator openapi.yaml
	REDOCLY_TELEMETRY=off $(BIN)/node tools/spec-lint/node_modules/@redocly/cli/bin/cli.js lint openapi.yaml --config tools/spec-lint/redocly.yaml

generate: $(VENV)/generate ## Write everything that is derived from openapi.yaml
	$(BIN)/python -m scripts.generate

api: $(VENV)/installed ## Write the public API into tests/public_api, and print what changed for users
	@$(BIN)/python -m scripts.api

contract: $(VENV)/lint ## Check that the overlay fits the generated code, the spec and its own types
	@$(BIN)/python -m scripts.contract

regenerate: lint-spec generate api contract ## After a change of openapi.yaml: all of it, and what it means for users

check-generated: generate ## Fail where committed code is not what openapi.yaml gives
	@if [ -n "$$(git status --porcelain)" ]; then \
		git status --porcelain; git diff | head -40; \
		echo "The working tree differs from what is committed. Generated code is not edited by hand:" \
			"change openapi.yaml, run 'make regenerate' and commit both; see generated/README.md." >&2; \
		exit 1; \
	fi

check-release: $(VENV)/installed ## Check that version and CHANGELOG.md fit what has changed since the last tag (TAG=v…)
	@$(BIN)/python -m scripts.api --release $(if $(TAG),--tag "$$TAG")

record: $(VENV)/installed ## Stand before a real server and record what passes (SERVER=http://127.0.0.1:5001)
	@test -n "$(SERVER)" || { echo "Say which server: make record SERVER=http://127.0.0.1:5001" >&2; exit 2; }
	$(BIN)/python -m scripts.record "$(SERVER)"

cli-page: $(VENV)/installed ## Write the help of every command into docs/cli.md
	$(BIN)/python scripts/cli_page.py

transports-page: $(VENV)/installed ## Measure failures over each transport, and write the table of docs/transports.md
	$(BIN)/python -m scripts.transports_page

report-picture: $(VENV)/installed ## Draw docs/report.svg: the timeline of a run of the embedded server
	$(BIN)/python scripts/report_picture.py

trace-picture: $(VENV)/installed ## Draw docs/trace.svg: the spans of a run of the embedded server
	$(BIN)/python -m scripts.trace_picture

build: $(VENV)/release ## Build sdist and wheel into dist/: the same bytes from the same files, wherever and whenever
	rm -rf dist
	env -u SOURCE_DATE_EPOCH $(BIN)/python -m build --no-isolation

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' overlay/dify_workflow/_version.py)
sbom: build ## Write what the wheel and all of its extras install into build/, as a CycloneDX document
	rm -rf build/highest
	$(PYTHON) -m venv --without-pip build/highest
	$(BIN)/pip --python build/highest install --quiet --no-compile --require-hashes --requirement requirements/highest.txt
	$(BIN)/pip --python build/highest install --quiet --no-deps --no-index --find-links dist dify-workflow
	sed 's/^dynamic = .*/version = "$(VERSION)"/' pyproject.toml > build/pyproject.toml
	$(BIN)/cyclonedx-py environment --output-reproducible --mc-type library --pyproject build/pyproject.toml \
		--output-file build/dify_workflow-$(VERSION).cdx.json build/highest

check-dist: build sbom ## Check sdist and wheel, and use the wheel in new environments as the documentation says
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python -m pytest --numprocesses=2 --timeout=300 tests/distribution

check-lowest: build build/lowest/installed ## Run tests on the wheel with the lowest versions that pyproject.toml allows
	$(BIN)/pip --python build/lowest install --quiet --no-deps --force-reinstall dist/*.whl
	build/lowest/bin/python -m pytest --numprocesses=auto $(or $(TESTS),$(LOWEST_TESTS) -k "not web-page")

# Between them they use every extra; the page that is left out needs FastAPI. TESTS="…" runs others.
LOWEST_TESTS := $(addprefix tests/test_,docs_typed.py client.py client_options.py client_shapes.py files.py batch_rows.py \
	batch_excel.py::test_cells_are_what_people_see \
	batch_cluster.py::test_the_command_runs_rows_on_a_cluster_with_more_workers_than_runs \
	pytest_plugin.py::test_one_server_serves_all_tests_and_runs_end_with_theirs dsl.py)

build/lowest/installed: requirements/lowest.txt $(VENV)/installed
	rm -rf build/lowest
	$(LOWEST_PYTHON) -m venv --without-pip build/lowest
	$(BIN)/pip --python build/lowest install --quiet --no-compile --require-hashes --requirement requirements/lowest.txt
	@touch $@

PIN := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-strip-extras
# Some tools need more than Python 3.11.0.
FOR_TOOLS := $(PIN) --universal --python-version 3.11.5
FOR_USERS := $(PIN) --universal --python-version 3.11 --all-extras
GROUPS := bench docs examples generate lint release
# Whatever is in several groups has one version.
ALIKE := --constraint build/pins.txt --no-annotate

lock: $(VENV)/release ## Pin the dependencies again: of each group, of the benchmarks, and the lowest and highest of users
	mkdir -p build
	$(FOR_TOOLS) --upgrade --all-extras $(addprefix --group ,test $(GROUPS)) --output-file build/pins.txt pyproject.toml
	for group in $(GROUPS); do \
		$(FOR_TOOLS) $(ALIKE) --group $$group --output-file requirements/$$group.txt || exit 1; \
	done
	$(FOR_USERS) $(ALIKE) --group test --output-file requirements/test.txt pyproject.toml
	$(PIN) $(ALIKE) --universal --python-version 3.11 --extra cli --extra emulator --output-file requirements/demo.txt pyproject.toml
	for packages in requirements/benchmarks/*.in; do \
		$(PIN) --upgrade --output-file "$${packages%.in}.txt" "$$packages" || exit 1; \
	done
	$(FOR_USERS) --upgrade --output-file requirements/highest.txt pyproject.toml
	$(PIN) --upgrade --python-version 3.11 --all-extras --resolution lowest-direct --output-file requirements/lowest.txt pyproject.toml requirements/lowest.in

clean: ## Remove everything that was made
	rm -rf .venv .venv-* dist build tools/spec-lint/node_modules .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This project needs Python 3.11 or newer: make PYTHON=python3.11 ...")'

$(VENV)/installed: requirements/test.txt pyproject.toml
	@$(NEW_ENOUGH)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --require-hashes --requirement requirements/test.txt
	$(BIN)/python $(INSTALL) --no-build-isolation --editable .
	@touch $@

tools: $(addprefix $(VENV)/,$(GROUPS)) ## Install the tools of all targets

$(VENV)/%: requirements/%.txt $(VENV)/installed
	$(BIN)/python $(INSTALL) --require-hashes --requirement $<
	@touch $@

# Without a pip of its own, which would take longer to make than all the rest.
build/demo/installed: requirements/demo.txt
	@$(NEW_ENOUGH)
	@echo "Installing what the demo needs into build/demo …"
	@$(PYTHON) -m venv --clear --without-pip build/demo
	@$(PYTHON) -m pip --python build/demo install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes --requirement $<
	@touch $@

tools/spec-lint/node_modules: tools/spec-lint/package-lock.json $(VENV)/lint
	$(BIN)/npm ci --prefix tools/spec-lint --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@
