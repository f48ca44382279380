# posd: what people type. Everything that is needed and not there is installed first.

SHELL := /bin/bash
CARGO ?= cargo

# Debian packages: to build, to test with other clients, a virtual card reader and another SM4, to count system calls,
# to draw receipts.
PACKAGES := build-essential pkg-config libsqlite3-dev libpcsclite-dev libudev-dev dbus python3-dbus python3-gi \
	libglib2.0-bin pcscd vsmartcard-vpcd umockdev openssl strace fonts-wqy-zenhei

.PHONY: all setup build demo run test check soak fuzz bench audit clean

all: build

# Only what is missing is installed, so that a machine that has everything needs no network and no root.
setup:
	@missing=(); \
	for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing+=($$package); \
	done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing: $${missing[*]}"; \
	  $$sudo apt-get -qq update && DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends \
	    "$${missing[@]}"; \
	fi

build: setup
	$(CARGO) build --locked --workspace --bins

# The main job on simulated devices, then a shop's day, checked; a quarter of a minute after the build.
demo: setup
	$(CARGO) build --locked -q --bin posd --bin posctl --bin posd-acquirer --bin posd-simulator
	target/debug/posd-simulator demo

# The simulated terminal for app developers, until Ctrl-C.
run: setup
	$(CARGO) build --locked -q --bin posd --bin posctl --bin posd-acquirer --bin posd-simulator
	target/debug/posd-simulator run

test: build check
	$(CARGO) test --locked --workspace
	target/debug/posd-simulator demo

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items

# The simulation over many seeds: make soak SEEDS=20000 FIRST=1
SEEDS ?= 5000
FIRST ?= 1
soak: setup
	$(CARGO) build --locked -q --release -p posd-simulation
	target/release/posd-simulation $(FIRST) $(SEEDS)

# Every libFuzzer target, one after the other: make fuzz TIME=600. What is found stands in tests/fuzz/artifacts, and the
# corpus that has grown in tests/fuzz/found.
TIME ?= 60
fuzz: setup
	command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@# Coverage flags are for nightly compilers; without one the stable compiler is told to take them all the same. No
	@# sanitizer: it would need nightly, and there is no unsafe code for it to watch.
	@cd tests/fuzz; \
	if $(CARGO) +nightly --version >/dev/null 2>&1; then fuzz="$(CARGO) +nightly fuzz"; \
	else export RUSTC_BOOTSTRAP=1; fuzz="$(CARGO) fuzz"; fi; \
	failed=(); \
	for target in $$($$fuzz list --fuzz-dir .); do \
	  echo "== $$target"; mkdir -p found/$$target; \
	  $$fuzz run --fuzz-dir . -s none $$target found/$$target corpus/$$target -- -max_total_time=$(TIME) -timeout=20 \
	    -print_final_stats=1 || failed+=($$target); \
	done; \
	[ $${#failed[@]} -eq 0 ] || { echo "found something: $${failed[*]}"; exit 1; }

# What a sale, the start and the idle terminal cost, as a table and as JSON; four minutes, as root. Times and memory are
# shown, counts must be as told.
bench: setup
	$(CARGO) build --locked -q --release --bin posd --bin posd-vault --bin posd-acquirer --bin posd-simulator --bin posd-bench
	target/release/posd-bench --json target/bench.json

# Licences, bans, duplicate versions.
audit:
	command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	cargo-deny check

clean:
	$(CARGO) clean
