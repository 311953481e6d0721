# Needs Python 3.11 or newer with pip, and make. Everything else is installed into .venv.

PYTHON ?= python3
# The oldest Python that pyproject.toml allows; requirements/lowest.txt is for it.
LOWEST_PYTHON ?= python3.11
BIN := .venv/bin
# Everywhere where code is written by hand.
CODE := overlay scripts tests benchmarks examples

.DEFAULT_GOAL := help
.PHONY: help demo demo-svg docs bench bench-quick bench-micro bench-instructions bench-batch bench-logs test conformance check drift lint-spec generate api contract regenerate check-generated check-release record cli-page report-picture trace-picture build sbom check-dist check-lowest lock clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'

demo: .venv/installed ## Stream a workflow of the embedded server to this terminal
	@$(BIN)/python scripts/demo.py

demo-svg: .venv/installed ## Write the live view of the demo as a picture, docs/demo.svg
	$(BIN)/python scripts/demo_svg.py

docs: .venv/installed ## Build the documentation into build/site, strictly and without any network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site is ready: python3 -m http.server --directory build/site"

bench: .venv/installed ## Measure this client and its peers, and write docs/performance.* (BENCH="words --rounds 9")
	$(BIN)/python -m benchmarks $(or $(BENCH),--publish)

bench-quick: .venv/installed ## Measure this client against bare httpx, in a minute (BENCH="…")
	$(BIN)/python -m benchmarks --quick $(BENCH)

bench-micro: .venv/installed ## Time an event of a stream from memory, with pyperf
	$(BIN)/python -m benchmarks.micro --fast

bench-instructions: .venv/installed ## Count the instructions of an event, which noise does not change
	$(BIN)/python -m benchmarks.instructions

bench-batch: .venv/installed ## Run batches of 100,000 rows and resume one of 1,000,000 (OPTIONS="…")
	$(BIN)/python -m benchmarks.batches $(OPTIONS)

bench-logs: .venv/installed ## Read 100,000 and 1,000,000 rows of the log by cursor and by page number (ROWS="…")
	$(BIN)/python benchmarks/logs.py $(if $(ROWS),--rows $(ROWS))

test: .venv/installed ## Run all tests
	$(BIN)/python -m pytest --cov --numprocesses=auto --dist=worksteal

conformance: .venv/installed ## Send the recorded requests to a real server: DIFY_BASE_URL and DIFY_KEY_<APP>
	$(BIN)/python -m pytest --numprocesses=0 --timeout=400 tests/test_conformance.py -k real_server

check: .venv/installed lint-spec ## Lint, format check, type checks
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy --strict overlay/dify_workflow overlay/dify_workflow_pytest generated/dify_workflow_api scripts benchmarks tests/typed examples/*.py examples/relay examples/pytest_suite
	$(BIN)/pyright --pythonpath $(BIN)/python

drift: .venv/installed ## Compare openapi.yaml with the document that Dify publishes (UPSTREAM=path-or-url, JSON=1)
	@test -n "$(UPSTREAM)" || { echo "Say which document: make drift UPSTREAM=path-or-url" >&2; exit 2; }
	@$(BIN)/python -m scripts.drift $(if $(JSON),--json) "$(UPSTREAM)"

lint-spec: .venv/installed tools/spec-lint/node_modules ## Validate and lint openapi.yaml
	$(BIN)/openapi-spec-validator openapi.yaml
	REDOCLY_TELEMETRY=off $(BIN)/node tools/spec-lint/node_modules/@redocly/cli/bin/cli.js lint openapi.yaml --config tools/spec-lint/redocly.yaml

generate: .venv/installed ## Write everything that is derived from openapi.yaml
	$(BIN)/python -m scripts.generate

api: .venv/installed ## Write the public API into tests/public_api, and print what changed for users
	@$(BIN)/python -m scripts.api

contract: .venv/installed ## Check that the overlay fits the generated code, the spec and its own types
	@$(BIN)/python -m scripts.contract

regenerate: lint-spec generate api contract ## After a change of openapi.yaml: all of it, and what it means for users

check-generated: generate ## Fail where committed code is not what openapi.yaml gives
	@if [ -n "$$(git status --porcelain)" ]; then \
		git status --porcelain; git diff | head -40; \
		echo "The working tree differs from what is committed. Generated code is not edited by hand:" \
			"change openapi.yaml, run 'make regenerate' and commit both; see generated/README.md." >&2; \
		exit 1; \
	fi

check-release: .venv/installed ## Check that version and CHANGELOG.md fit what has changed since the last tag (TAG=v…)
	@$(BIN)/python -m scripts.api --release $(if $(TAG),--tag "$$TAG")

record: .venv/installed ## Stand before a real server and record what passes (SERVER=http://127.0.0.1:5001)
	@test -n "$(SERVER)" || { echo "Say which server: make record SERVER=http://127.0.0.1:5001" >&2; exit 2; }
	$(BIN)/python -m scripts.record "$(SERVER)"

cli-page: .venv/installed ## Write the help of every command into docs/cli.md
	$(BIN)/python scripts/cli_page.py

report-picture: .venv/installed ## Draw docs/report.svg: the timeline of a run of the embedded server
	$(BIN)/python scripts/report_picture.py

trace-picture: .venv/installed ## Draw docs/trace.svg: the spans of a run of the embedded server
	$(BIN)/python -m scripts.trace_picture

build: .venv/installed ## Build sdist and wheel into dist/: the same bytes from the same files, wherever and whenever
	rm -rf dist
	env -u SOURCE_DATE_EPOCH $(BIN)/python -m build --no-isolation

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' overlay/dify_workflow/_version.py)
sbom: build ## Write what the wheel and all of its extras install into build/, as a CycloneDX document
	rm -rf build/highest
	$(PYTHON) -m venv --without-pip build/highest
	$(BIN)/pip --python build/highest install --quiet --no-compile --require-hashes --requirement requirements/highest.txt
	$(BIN)/pip --python build/highest install --quiet --no-deps --no-index --find-links dist dify-workflow
	sed 's/^dynamic = \["version"\]/version = "$(VERSION)"/' pyproject.toml > build/pyproject.toml
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
LOWEST_TESTS := $(addprefix tests/test_,docs_typed.py client.py batch_rows.py \
	batch_cluster.py::test_the_command_runs_rows_on_a_cluster_with_more_workers_than_runs \
	pytest_plugin.py::test_one_server_serves_all_tests_and_runs_end_with_theirs)

build/lowest/installed: requirements/lowest.txt .venv/installed
	rm -rf build/lowest
	$(LOWEST_PYTHON) -m venv --without-pip build/lowest
	$(BIN)/pip --python build/lowest install --quiet --no-compile --require-hashes --requirement requirements/lowest.txt
	@touch $@

COMPILE := $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --no-strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
PIN := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --python-version 3.11 --all-extras

lock: .venv/installed ## Pin the dependencies anew: of development, of the benchmarks, and the lowest and highest of users
	$(COMPILE) --extra batch --extra cli --extra cluster --extra emulator --extra otel --output-file requirements/dev.txt pyproject.toml requirements/dev.in
	for packages in requirements/benchmarks/*.in; do \
		$(COMPILE) --output-file "$${packages%.in}.txt" "$$packages" || exit 1; \
	done
	$(PIN) --universal --output-file requirements/highest.txt pyproject.toml
	$(PIN) --resolution lowest-direct --output-file requirements/lowest.txt pyproject.toml requirements/lowest.in

clean: ## Remove everything that was made
	rm -rf .venv dist build tools/spec-lint/node_modules .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This project needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

tools/spec-lint/node_modules: tools/spec-lint/package-lock.json .venv/installed
	$(BIN)/npm ci --prefix tools/spec-lint --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@
