# Every developer command. Plain `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR := $(TARGET)
export CARGO_TERM_COLOR ?= auto
WEB := npm --prefix web-client --silent run
# FILTER=name narrows `make test` to tests whose name contains it.
FILTER ?=

.PHONY: help
help:
	@echo "Auscult: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: need-build web ## install what is missing, build, start everything with a demo clinic (data in ./data)
	cargo build --release --package control-plane
	$(TARGET)/release/auscult serve --demo --fetch-model base.en

.PHONY: test
test: need-test web test-rust test-web test-browser ## install what is missing, run every test; FILTER=name narrows

.PHONY: test-rust
test-rust: need-test web ## the Rust tests alone, the store and the API on SQLite and on PostgreSQL
	cargo test --workspace $(FILTER)
	config/dev/with-postgres.sh cargo test --package control-plane --tests $(FILTER)

.PHONY: test-web
test-web: web-packages ## the web client's unit tests alone
	$(WEB) test -- $(if $(FILTER),--testNamePattern "$(FILTER)" --passWithNoTests)

# The binary is the one that `cargo test` linked: nothing is built twice.
.PHONY: test-browser
test-browser: need-test web ## the tests in real browsers alone
	cargo test --workspace --no-run --quiet
	AUSCULT_BIN=$(TARGET)/debug/auscult $(WEB) e2e -- $(if $(FILTER),--testNamePattern "$(FILTER)" --passWithNoTests)

.PHONY: lint
lint: need-build web ## every linter; changes nothing
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	cargo check --package media-server --no-default-features --quiet
	RUSTDOCFLAGS="--deny warnings --allow rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --quiet
	$(WEB) typecheck
	$(WEB) lint
	config/dev/check-layout.sh
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level error check bans licenses sources; fi

.PHONY: fix
fix: web ## let the linters repair what they can
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all
	$(WEB) lint -- --fix

.PHONY: gen
gen: need-build ## write the API description and the TypeScript types that are generated from Rust
	UPDATE_GENERATED=1 cargo test --package control-plane --test generated

.PHONY: ci
ci: lint test ## what continuous integration runs

.PHONY: prove-durability
prove-durability: need-test web ## kill -9 the server 200 times under load on each engine: nothing acknowledged may be lost
	AUSCULT_KILLS=200 cargo test --package control-plane --test durability -- --nocapture kill_9

# No part of `ci`: it takes minutes, and its program comes from the package registry of Python.
API_TESTER := $(TARGET)/schemathesis
.PHONY: test-api
test-api: need-build web ## ask the running server all that its API's description allows, as everybody (EXAMPLES=15 per route)
	cargo build --package control-plane
	test -x $(API_TESTER)/bin/schemathesis || { python3 -m venv $(API_TESTER) && $(API_TESTER)/bin/pip install --quiet schemathesis==4.32.5; }
	python3 config/dev/test-api.py $(TARGET)/debug/auscult $(API_TESTER)/bin/schemathesis $(EXAMPLES)

.PHONY: bench-captions
bench-captions: need-build ## caption delay and accuracy under load -> bench-results/captions.json
	cargo run --release --package benches --no-default-features --bin captions

# Each writes bench-results/NAME.json; tables and plots of benches/README.md are made from all that are there.
MEDIA_BENCHES := bench-media bench-rooms bench-quality bench-joins bench-limit bench-captioned-calls bench-hostile
.PHONY: $(MEDIA_BENCHES)
bench-media: ## forwarding beside Janus and a bare relay
bench-rooms: ## cost per packet and memory from 10 to 200 rooms
bench-quality: ## what listeners and viewers get at 5 % loss, with jitter, and when the bandwidth steps down and up
bench-joins: ## 100 joins a second, and rooms that come and go
bench-limit: ## the highest rate that is forwarded exactly, held for a minute
bench-captioned-calls: ## calls beside more speech than can be captioned
bench-hostile: ## calls beside 200 000 junk datagrams a second for a minute
$(MEDIA_BENCHES):
	@config/dev/need.sh bench
	cargo build --release --package benches --no-default-features --bin loadgen --bin mediahost --bin floorhost --bin mediareport
	mkdir -p bench-results
	config/dev/two-networks.sh config/dev/bench-media.sh $(@:bench-%=%) $(TARGET)/release/loadgen
	$(TARGET)/release/mediareport

.PHONY: bench-trust
bench-trust: need-test web ## audit entries, sealed reads, a new master key, sign-ins on both engines -> bench-results/trust.json
	cargo build --release --package control-plane --package benches --bin auscult --bin trust
	$(TARGET)/release/trust

.PHONY: measure
measure: need-test web ## join time, caption delay, CPU and memory of a call in real browsers (release build)
	cargo build --release --package control-plane
	AUSCULT_BIN=$(TARGET)/release/auscult $(WEB) measure

# No part of `ci`: two browsers need one and a half cores to themselves, or they are what is too slow.
.PHONY: measure-bandwidth
measure-bandwidth: need-test web ## a viewer in Chromium behind a link that steps from 4 to 1 and back to 4 Mbit/s, and a lossy one
	cargo build --release --package control-plane
	AUSCULT_BIN=$(TARGET)/release/auscult $(WEB) bandwidth

.PHONY: screenshot
screenshot: need-test web ## take the README's picture of a call again
	cargo test --workspace --no-run --quiet
	AUSCULT_BIN=$(TARGET)/debug/auscult $(WEB) screenshot

.PHONY: need-build need-test
need-build:
	@config/dev/need.sh build
need-test:
	@config/dev/need.sh test

# The web client is built before cargo runs: the binary embeds it.
.PHONY: web web-packages
# Unchanged, neither the client is built again nor the program that embeds it, which takes minutes to link. A folder is newer
# when a file in it is gone.
WEB_SOURCES := $(shell find web-client/src web-client/public -type d -o -type f ! -name '.*' ! -name '*.test.*') $(addprefix web-client/,index.html package.json tsconfig.json vite.config.ts)
web: web-client/dist/index.html
web-client/dist/index.html: web-client/node_modules/.package-lock.json $(WEB_SOURCES)
	@start=$$(date +%s.%N); \
	$(WEB) build -- --logLevel error --outDir dist.new --emptyOutDir && rm -rf web-client/dist \
	&& mv web-client/dist.new web-client/dist && touch --date "@$$start" $@
web-packages: web-client/node_modules/.package-lock.json
web-client/node_modules/.package-lock.json: web-client/package-lock.json
	npm --prefix web-client ci --no-audit --no-fund --loglevel error
	@touch $@
