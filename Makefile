# Everything a person needs is a word here; `make help` lists them. The work is done by the scripts
# in .ci, each of which says at its top what it does. `.ci/rocksdb` builds RocksDB once per machine
# and sets the variables by which cargo links it; it costs some milliseconds when that is done.

export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
CARGO := .ci/rocksdb cargo
# Named, not all: the engine has features that change its rules on purpose (.ci/altered-rule,
# .ci/upgrade).
FEATURES := --features sanjiang-engine/rocksdb
DEMO ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup env build run test test-engine fmt lint docs shim bench soak clean

help: ## list these words
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing (apt on Debian as root), build RocksDB once per machine
	@.ci/setup
	@.ci/rocksdb >/dev/null

env: setup ## print the variables plain cargo needs: eval "$(make -s env)"
	@.ci/rocksdb

build: setup ## release build of gateway and simulator, in target/release
	$(CARGO) build --release -p sanjiang-gateway -p sanjiang-simulator

run: build ## run the exchange with live demonstration orders; DEMO=0 empty; PORT=, DATA_DIR=, RATE=
	@exec .ci/exchange $(if $(filter 0,$(DEMO)),empty,demo)

test: setup ## every test of the workspace, with what each one prints (cells reached, data skipped)
	@.ci/two-profiles
	@.ci/rocksdb .ci/altered-rule
	@.ci/rocksdb .ci/upgrade
	$(CARGO) test --workspace $(FEATURES) --no-fail-fast -- --show-output

test-engine: ## the engine's own tests, which need no RocksDB and no C++ compiler
	cargo test -p sanjiang-engine

fmt: ## format the sources
	cargo fmt --all

lint: setup ## formatting, clippy with warnings denied, the engine without RocksDB
	@.ci/setup lint
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets $(FEATURES) -- -D warnings
	@.ci/engine-alone

docs: setup ## the pages of rustdoc, warnings denied, in target/doc
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps $(FEATURES)

bench: setup ## the criterion benches; benches/README.md states the method
	$(CARGO) bench -p sanjiang-benches

shim: ## the library of the power-cut tests, preloaded to fail and forget on purpose; prints where
	@.ci/shim

soak: setup ## every fault in its long form, part by part with a log of each; PART= for some of them
	@exec .ci/soak $(PART)

clean: ## remove the build; the RocksDB of this machine and ./data stay
	cargo clean
