# `make check` is the one command that checks everything; `make demo` shows what this is for.
# Each target below can be run alone.

.DEFAULT_GOAL := check
.PHONY: check packages fmt clippy test features doc deny fuzz bench demo ffi header install

# What the tests need from Debian: name servers to test against, and what C programs are built and
# watched with.
PACKAGES := ca-certificates nsd knot bind9 unbound \
	gcc g++ clang pkg-config cmake libevent-dev golang-go python3-minimal strace

check: packages fmt clippy test features doc deny
	@echo "check: everything passed"

# Installs what is missing and says so; fails if it can't.
packages:
	@scripts/packages $(PACKAGES)

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

test:
	scripts/test

# Each feature builds and passes its tests alone, and `dns` pulls in no HTTP client.
features:
	scripts/features

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

deny:
	scripts/deny

# The committed inputs again, then each fuzz target for SECONDS. Not part of `check` until long runs have
# been clean: what a few seconds of random input find must not stop a change that did not cause it.
SECONDS := 10
fuzz:
	scripts/fuzz $(SECONDS)

# Ratios against named baselines, in one run.
bench: ffi
	@scripts/packages dnsperf
	cargo bench --workspace --locked

demo:
	cargo run --release --locked -p alto-cli -- demo

# For C: target/release/libalto_discovery.so and .a; their header is include/alto_discovery.h.
ffi:
	cargo build --release --locked -p alto-discovery-ffi

# Writes include/alto_discovery.h anew, from ffi/src.
header:
	ALTO_WRITE_HEADER=1 cargo test --quiet --locked -p alto-discovery-ffi --test header up_to_date

# Installs what `make ffi` built, with its pkg-config file and CMake package: PREFIX=/usr/local, and
# below DESTDIR if that is set.
PREFIX := /usr/local
install: ffi
	ffi/install target/release "$(PREFIX)" "$(DESTDIR)"
