# `make check` is the one command that checks everything; `make demo` shows what this is for.
# Each target below can be run alone.

.DEFAULT_GOAL := check
.PHONY: check packages fmt clippy test conformance models features doc deny fuzz sweep claims bench scale demo ffi opentracker tracker-trial tracker-clients header install install-command deb deb-test

# What the tests need from Debian: name servers and a web server to test against, what signs and checks
# zones and units, and the kernel's counters of packets; and what C programs are built and watched with.
PACKAGES := ca-certificates nsd knot knot-dnssecutils bind9 bind9-utils pdns-server pdns-backend-bind tinydns
PACKAGES += unbound ldnsutils nginx openssl systemd iproute2 nftables
PACKAGES += gcc g++ clang pkg-config cmake libevent-dev golang-go python3-minimal python3-libtorrent aria2 strace
PACKAGES += opentracker libowfat-dev
# DHCP servers, and clients with their lease files.
PACKAGES += dnsmasq-base kea-dhcp4-server kea-dhcp6-server isc-dhcp-client dhcpcd-base network-manager dbus

check: packages fmt clippy test models features doc deny fuzz
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

# The laws on each approach, bare and inside each layer, as a matrix with what was left out and why.
# (`make test` runs them too, and says nothing.)
conformance:
	cargo test --quiet --locked --all-features --test conformance -- --nocapture --test-threads=1 approach

# Threads that share caches, flights, servers' tables and swarms, in thousands of orders, under a model checker.
models:
	RUSTFLAGS="--cfg shuttle" cargo test --quiet --locked --lib --target-dir target/models \
		-p alto-discovery-core -p alto-guidance -p alto-selection models::

# Each feature builds and passes its tests alone, and `dns` pulls in no HTTP client.
features:
	scripts/features

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

deny:
	scripts/deny

# The committed inputs again, then each fuzz target for SECONDS.
SECONDS := 10
fuzz:
	scripts/fuzz $(SECONDS)

# Ten million strangers against the cache, in 64 MiB of memory. Needs control groups.
sweep:
	scripts/sweep

# Ten million announces, claims and guidance, changed at random.
claims:
	ALTO_MUTATIONS=10000000 cargo test --release --locked -p alto-backend-peerinfo --test mutations -- --nocapture

# Ratios against named baselines, in one run.
bench: ffi
	@scripts/packages dnsperf
	cargo bench --workspace --all-features --locked

# The largest maps over our own server: times and the most memory.
scale:
	cargo run --release --locked -p alto-cli --example scale

demo:
	cargo run --release --locked -p alto-cli -- demo

# For C: target/release/libalto_discovery.so and .a; their header is include/alto_discovery.h.
ffi:
	cargo build --release --locked -p alto-discovery-ffi

# For Debian's opentracker: target/release/libalto_opentracker.so, for LD_PRELOAD (docs/opentracker.md).
opentracker: ffi
	integrations/opentracker/build target/release target/release

# opentracker plain and guided, with swarms of 10,000: some forty minutes. What is in the folder is not
# measured again; the report is report.txt there. PARTS="cost instructions" runs only those: guidance, slides,
# outage, cost, instructions.
TRIAL := target/tracker-trial
PARTS :=
tracker-trial:
	@scripts/packages opentracker nsd gcc valgrind
	cargo run --release --locked -p alto-trackers --bin tracker-trial -- $(TRIAL) $(PARTS)

# From whom real clients get their octets, plain and guided: libtorrent and aria2, so many runs of each kind.
RUNS := 3
tracker-clients:
	@scripts/packages opentracker nsd gcc python3-libtorrent aria2
	cargo run --release --locked -p alto-trackers --bin tracker-clients -- $(RUNS)

# Writes include/alto_discovery.h anew, from ffi/src.
header:
	ALTO_WRITE_HEADER=1 cargo test --quiet --locked -p alto-discovery-ffi --test header up_to_date

# Installs what `make ffi` built, with its pkg-config file and CMake package: PREFIX=/usr/local, and
# below DESTDIR if that is set.
# LIB is the folder of libraries below PREFIX.
PREFIX := /usr/local
LIB := lib
install: ffi
	ffi/install target/release "$(PREFIX)" "$(DESTDIR)" "$(LIB)"

# The command alto, its manual pages and completions, likewise.
install-command:
	cargo build --release --locked -p alto-cli
	cli/install target/release "$(PREFIX)" "$(DESTDIR)"

# Debian packages, in target/deb: libalto-discovery0, libalto-discovery-dev, alto-discovery.
DEB := target/deb
deb:
	@scripts/packages dpkg-dev binutils python3
	rm -rf $(DEB)
	$(MAKE) install install-command PREFIX=/usr DESTDIR=$(CURDIR)/$(DEB)/stage \
		LIB=lib/$$(dpkg-architecture -q DEB_HOST_MULTIARCH)
	packaging/deb $(DEB)/stage $(DEB)

# Installs the packages in a fresh Debian, uses and purges them. Needs root, and apt's sources.
deb-test: deb
	@scripts/packages mmdebstrap lintian iproute2 util-linux
	scripts/deb-test $(DEB)
