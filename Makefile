# `make audit` and `make test` are all that a newcomer needs; both set up everything by themselves.

SHELL := /bin/sh
PY := .venv/bin/python
CONFIG ?=
OUTPUT ?= reports
FORMATS ?= html,pdf,json

.PHONY: help audit test check format lint types imports texts docs golden demo bench lock clean

help:  ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/.ready: requirements.lock tools/setup.sh pyproject.toml
	@tools/setup.sh
	@touch $@

.venv/.ready-dev: requirements-dev.lock tools/setup.sh pyproject.toml
	@tools/setup.sh dev
	@touch $@

audit: .venv/.ready  ## Audit the embedded demo landscape, or with CONFIG=auditor.toml your own clusters.
ifeq ($(CONFIG),)
	@# The demo has findings, and a gap on purpose (exit code 2): both are what it is to show.
	@.venv/bin/auditor run --now --demo --format $(FORMATS) --output $(OUTPUT) --fail-on never || test $$? -eq 2
else
	@.venv/bin/auditor run --now --config $(CONFIG) --format $(FORMATS) --output $(OUTPUT)
endif

test: .venv/.ready-dev  ## Pass the tests.
	@$(PY) -X dev -m pytest -n auto

check: .venv/.ready-dev lint types imports texts docs test  ## All that has to hold before a change goes in.

format: .venv/.ready-dev  ## Format the code.
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format --quiet .

lint: .venv/.ready-dev
	@.venv/bin/ruff format --check --quiet . || { echo "not formatted: run 'make format'"; exit 1; }
	@.venv/bin/ruff check --quiet .

types: .venv/.ready-dev
	@.venv/bin/mypy

imports: .venv/.ready-dev
	@.venv/bin/lint-imports --no-cache

texts: .venv/.ready-dev  ## Are all texts there in Chinese?
	@$(PY) -m tools.texts check

docs: .venv/.ready-dev  ## Are the generated pages and the README's help up to date?
	@$(PY) -m tools.docs check

golden: .venv/.ready-dev  ## Render the golden reports again, and the generated pages; look at the difference.
	@UPDATE_GOLDEN=1 $(PY) -m pytest -q tests/report tests/deliver
	@$(PY) -m tools.docs update

demo: .venv/.ready-dev  ## Make the embedded demo landscape again.
	@$(PY) -m tools.demo

bench: .venv/.ready-dev  ## Measure speed and memory; prints ratios within one run.
	@$(PY) -m bench

lock:  ## Pin all packages again, with hashes (needs uv).
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header pyproject.toml --group build -o requirements.lock
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header pyproject.toml --extra dev --group build -o requirements-dev.lock

clean:  ## Remove what was made.
	@rm -rf .venv reports dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
