# `make check` is the one command that checks everything; `make demo` shows what this is for.
# Each target below can be run alone.

.DEFAULT_GOAL := check
.PHONY: check packages fmt clippy test features doc deny fuzz bench demo

# What the tests need from Debian: name servers to test against.
PACKAGES := ca-certificates nsd knot knot-dnssecutils bind9 bind9-utils pdns-server pdns-backend-bind tinydns unbound
PACKAGES += nginx openssl systemd

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
bench:
	@scripts/packages dnsperf
	cargo bench --workspace --locked

demo:
	cargo run --release --locked -p alto-cli -- demo
