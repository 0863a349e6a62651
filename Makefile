# `make demo` shows it, `make test` checks it. Everything else is called by these two.

SHELL := /bin/bash
target := $(or $(CARGO_TARGET_DIR),target)
lockgate := $(target)/release/lockgate

.PHONY: help demo test build examples setup bench fuzz lint clean

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build ## let a real MCP client list and call the tools of a component in an empty sandbox
	@scripts/demo.sh $(lockgate)

test: setup examples ## run every test
	cargo test --workspace --locked --features lockgate/built-in-servers
	cd examples && cargo test --locked

build: examples ## leave target/release/lockgate, with the servers of examples/ inside
	cargo build --release --locked --package lockgate --features built-in-servers

examples: setup ## leave examples/dist/NAME.wasm
	@examples/build.sh

setup: ## install what is missing (as root on Debian), or say what to install
	@scripts/setup.sh

bench: build ## measure, as ratios in one run: a table, and target/bench.json
	cargo bench --locked --package lockgate --features built-in-servers --bench calls -- --json $(abspath $(target))/bench.json

fuzz: ## feed made-up bytes to whatever reads strangers' ones: FUZZ_SECONDS for each of nine parsers
	@scripts/fuzz.sh $(or $(FUZZ_SECONDS),30)

lint: setup examples ## format, clippy, licences and bans
	cargo fmt --all --check
	cd examples && cargo fmt --all --check
	cd fuzz && cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd examples && cargo clippy --locked -- -D warnings
	cd fuzz && cargo check --locked --no-default-features --features fuzzing --target-dir $(abspath $(target))
	.setup/bin/cargo-deny --all-features check bans licenses sources

clean: ## remove everything that was built or installed here
	rm -rf .setup examples/dist examples/target fuzz/target
	cargo clean
