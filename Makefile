# The few commands by name. Plain `make` lists them.

CARGO ?= cargo
export DESKBRIDGE_REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help run test test-tools lint doc bench fuzz history generate

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: ## start the gateway on the embedded sandbox
	$(CARGO) run --locked --quiet -- serve

test: ## run every test; needs nothing but Rust, make and a C compiler
	$(CARGO) test --locked

test-tools: ## checks by outside tools; .ci/run says which, and how to get them
	./tests/tools/run

lint: ## format, clippy and rustdoc, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

doc: ## build the documentation of the code
	$(CARGO) doc --locked --no-deps --document-private-items

bench: ## measure, in one process and beside nginx, Lua, njs and Node, which it installs (QUICK=1: a look)
	./benches/peers/install
	$(CARGO) build --locked --profile dist
	$(CARGO) bench --locked > target/peers/inprocess.md || { cat target/peers/inprocess.md; false; }
	./benches/peers/run.py --inprocess target/peers/inprocess.md $(if $(QUICK),--quick,--write)

fuzz: ## fuzz the JSON scanner, both interpreters, places and mapping files for a minute each
	./fuzz/run

history: ## read and write while the way to the backend fails (HISTORY_SECONDS, HISTORY_SEED)
	HISTORY_SECONDS=$${HISTORY_SECONDS:-60} $(CARGO) test --locked --test it history::what -- --nocapture

generate: ## rewrite the generated pages under docs/
	UPDATE=1 $(CARGO) test --locked --test it generated
