# Two commands matter: `make demo` runs Plumbline, `make test` tests it. `make help` lists the others.
#
# One configuration is built, debug: demo, tests and CI share it, so the second command of any two starts in seconds.
# `make release` builds what is to be installed.

SHELL := /bin/sh
SOURCES := Sources Tests Benchmarks Package.swift
PLUMB := .build/debug/plumb
# Where `up`, `down` and `demo` keep everything.
DATA_DIR ?= .plumbline
# More arguments for `plumb up`, for instance: make demo UP_FLAGS="--port 7800"
UP_FLAGS ?=

.PHONY: help demo up down status build release install test test-units test-end-to-end test-systemd faults agent-faults simulate assets format lint requirements bench \
	adr dependencies clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 18

demo: ## Install what is missing, build, run the whole platform here (Ctrl-C stops it)
	@scripts/install-dependencies
	@scripts/build-programs
	@exec $(PLUMB) up --data-dir "$(DATA_DIR)" $(UP_FLAGS)

up: demo ## The same as demo

down: ## Stop a running one from elsewhere; its data stays in DATA_DIR
	@$(PLUMB) down --data-dir "$(DATA_DIR)"

status: ## What runs
	@$(PLUMB) status --data-dir "$(DATA_DIR)"

dependencies: ## Install the Debian packages that are missing
	@scripts/install-dependencies --test

build: ## Build the programs, debug
	@scripts/build-programs

release: ## Build the programs for installing, optimised, without the Swift libraries to install
	@scripts/install-dependencies
	@scripts/static-libraries
	@swift build -c release --static-swift-stdlib

install: ## Install what make release built, the units and the users (DESTDIR, PREFIX)
	@scripts/install-programs

test: ## Install what is missing, build, run every test
	@scripts/install-dependencies --test
	@scripts/requirements check
	@echo "Building programs and tests (the first time takes some minutes) ..."
	@swift build --build-tests
	@$(MAKE) --no-print-directory test-units test-end-to-end test-systemd

test-units: ## Run the tests of the parts, as they were built
	@echo "Running the tests of the parts ..."
	@scripts/run-tests parts

# Without the others: they start the whole platform and look at its timing.
test-end-to-end: ## Run the end-to-end tests, as they were built
	@echo "Running the end-to-end tests ..."
	@scripts/run-tests end-to-end

# Where the folder cannot be made (no root, no network) the tests are skipped, and say why.
test-systemd: ## Run the tests that boot a Debian with a real systemd (root, once the network)
	@echo "Running the tests on a real systemd ..."
	@scripts/systemd-root >/dev/null || echo "(without it they are skipped)"
	@swift test --skip-build --no-parallel --filter SystemdTests

faults: ## Kill server and PostgreSQL 50 times under load and count what is stored (optimised build)
	@scripts/faults

agent-faults: ## Let fail, 100 times, what can fail between a host and the store, and compare the agent's ledger with it
	@scripts/agent-faults

# How many schedules, and from which seed on: make simulate SIMULATE_FLAGS="--schedules 500000 --seed 7"
SIMULATE_FLAGS ?= --schedules 100000

simulate: ## Run gitops-sync through 100,000 random schedules of faults (optimised build)
	@scripts/simulate $(SIMULATE_FLAGS)

assets: ## Write migrations, templates and starter manifests into the target Assets
	@scripts/generate-assets

requirements: ## Check docs/requirements.md against the tests it names
	@scripts/requirements check

format: ## Format the sources
	@swift format --in-place --recursive --parallel $(SOURCES)

lint: ## Check the format
	@swift format lint --strict --recursive --parallel $(SOURCES)

bench: ## Run the benchmarks
	@scripts/bench

adr: ## Start a decision record: make adr TITLE="Frames as arrays"
	@scripts/new-adr "$(TITLE)"

clean: ## Remove what was built; the data of a demo stays
	@swift package clean
