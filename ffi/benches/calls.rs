//! What the border costs: each hot call of the C library against the same call in Rust, in one run.
//!
//! `make ffi && cargo bench -p alto-discovery-ffi`. Rounds are interleaved and the median of each is
//! told: the machine may be shared.
#![allow(missing_docs)]

#[path = "../tests/kit/mod.rs"]
mod kit;

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr;

use alto_testkit::{NameServer as _, bench};
use facade::selection::V4Record;
use facade::{Advisor, Call, Config, Known, Peer, Request};
use tokio::time::Instant;

type Lookup = unsafe extern "C" fn(*const c_void, *const RawPeer, *mut RawAnswer) -> c_int;
type Costs = unsafe extern "C" fn(
    *const c_void,
    *const RawPeer,
    *const u8,
    usize,
    usize,
    usize,
    *mut u32,
) -> c_int;
type Select = unsafe extern "C" fn(
    *const c_void,
    *const RawPeer,
    *const u8,
    usize,
    usize,
    usize,
    *mut u8,
    usize,
    *const c_void,
) -> c_long;

/// `alto_peer` and `alto_answer`, as octets of the header's layout.
#[repr(C)]
struct RawPeer {
    size: u32,
    addr: *const libc::sockaddr_in,
    addr_len: u32,
    id_kind: u32,
    rest: [u64; 4],
}
#[repr(C)]
struct RawAnswer {
    size: u64,
    rest: [u64; 11],
}

const ROUNDS: usize = 31;
const LISTED: usize = 200;
const K: usize = 50;

fn main() {
    if !bench::is_wanted() {
        return;
    }
    let alto = kit::alto_server();
    let server = kit::name_server(&alto.uri("/ird"));
    let settings = [
        ("dns.resolver", server.address().to_string()),
        ("dns.service", "ALTO:http".into()),
        ("policy.allow_http", "true".into()),
        ("policy.allow_private_servers", "true".into()),
        ("policy.allow_documentation", "true".into()),
    ];
    let library = Library::open();
    let handle = library.started(&settings);
    let mut config = Config::default();
    for (key, value) in &settings {
        config.set(key, value).expect("a setting");
    }
    let advisor = Advisor::new(&config).expect("an advisor");
    let peer: Peer<'_> = "203.0.113.5".parse().expect("a peer");
    advisor.discovery().discover_blocking(&peer, &Call::default()).expect("a server");
    advisor.prepare_blocking(&peer, std::time::Duration::from_secs(10)).expect("maps");

    // SAFETY: zeros are a sockaddr.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = 2;
    address.sin_addr.s_addr = u32::from(Ipv4Addr::new(203, 0, 113, 5)).to_be();
    let raw =
        RawPeer { size: 56, addr: &raw const address, addr_len: 16, id_kind: 0, rest: [0; 4] };
    let mut answer = RawAnswer { size: 96, rest: [0; 11] };
    let (lookup, select, costs): (Lookup, Select, Costs) =
        (library.get(c"alto_lookup"), library.get(c"alto_select"), library.get(c"alto_costs"));
    let list = listed();
    let octets: Vec<u8> = list.iter().flat_map(|record| record.0).collect();
    let mut out = vec![0_u8; K * 6];
    let mut numbers = vec![0_u32; LISTED];
    // SAFETY (all): the arguments are as the header says.
    let mut in_c = || unsafe { lookup(handle, &raw const raw, &raw mut answer) };
    let start = Instant::now();
    while in_c() != 0 {
        assert!(start.elapsed().as_secs() < 10, "no answer");
    }
    let mut c = || assert_eq!(in_c(), 0);
    compare("lookup, beside `known` alone, of a peer at hand", 20_000, &mut c, || {
        let known = advisor.discovery().known(black_box(&peer), Instant::now());
        assert!(matches!(known, Known::Fresh(_)));
    });
    // What the C call does besides: a peer from an address, the answer's life, a refresh when due.
    let source = SocketAddr::from(([203, 0, 113, 5], 6_881));
    compare("lookup, beside the same question in Rust", 20_000, &mut c, || {
        let (peer, now) = (Peer::new(black_box(source).ip()), Instant::now());
        let Known::Fresh(answer) = advisor.discovery().known(&peer, now) else { panic!("lost") };
        let left = answer.validity.left(now);
        assert!(left.as_secs() >= answer.validity.lifetime().as_secs() / 10);
        black_box((left, answer.servers()[0].uri.as_str(), answer.scope.net, answer.dnssec));
    });
    let mut tell = || {
        // SAFETY: as the header says.
        let status = unsafe {
            costs(handle, &raw const raw, octets.as_ptr(), LISTED, 6, 6, numbers.as_mut_ptr())
        };
        assert_eq!(status, 0);
        numbers[0]
    };
    while tell() != 1 {
        assert!(start.elapsed().as_secs() < 20, "no guidance");
    }
    let mut reply = Vec::new();
    let mut pick = || unsafe {
        let (from, to) = (octets.as_ptr(), out.as_mut_ptr());
        select(handle, &raw const raw, from, LISTED, 6, 6, to, K, ptr::null())
    };
    compare(
        "select, 50 of 200",
        2_000,
        || {
            assert_eq!(pick(), 50);
        },
        || {
            let request = Request::new(peer.clone(), V4Record([0; 6]), K);
            assert_eq!(advisor.select_among(&request, &list, &mut reply).guided, 40);
        },
    );
    let mut told = Vec::new();
    let requester = peer.clone().into();
    compare(
        "costs of 200",
        2_000,
        || {
            assert_eq!(tell(), 1);
        },
        || {
            advisor.costs(&requester, &list, &mut told);
        },
    );
}

/// Candidates of three networks in turn.
fn listed() -> Vec<V4Record> {
    let networks = [[203, 0, 113], [198, 51, 100], [192, 0, 2]];
    let candidate = |at: usize| {
        let [a, b, c] = networks[at % 3];
        V4Record([a, b, c, u8::try_from(at).unwrap_or(0), 0, 80])
    };
    (0..LISTED).map(candidate).collect()
}

fn compare(what: &str, times: u32, mut c: impl FnMut(), mut rust: impl FnMut()) {
    let mut rounds: Vec<[f64; 2]> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([time(times, &mut c), time(times, &mut rust)]);
    }
    let median = |of: fn(&[f64; 2]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[ROUNDS / 2]
    };
    let (c, rust, ratio) = (median(|r| r[0]), median(|r| r[1]), median(|r| r[0] / r[1]));
    println!("{what}: C {c:.1} ns, Rust {rust:.1} ns, ratio {ratio:.2}");
}

fn time(times: u32, work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// The library as a C program has it.
struct Library(*mut c_void);

impl Library {
    fn open() -> Self {
        let path = kit::crate_folder().join("../target/release/libalto_discovery.so");
        let path = CString::new(path.to_str().expect("a path")).expect("a path");
        // SAFETY: a string; the library runs nothing when it is loaded.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null(), "run `make ffi` first");
        Self(library)
    }

    /// The function of this name, of the type wanted.
    fn get<F: Copy>(&self, name: &CStr) -> F {
        // SAFETY: a library and a string.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null() && size_of::<F>() == size_of::<*mut c_void>());
        // SAFETY: a function of that type, by the header.
        unsafe { std::mem::transmute_copy(&symbol) }
    }

    fn started(&self, settings: &[(&str, String)]) -> *mut c_void {
        let new: unsafe extern "C" fn(u32, *mut *mut c_void) -> c_int =
            self.get(c"alto_config_new");
        let set: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int =
            self.get(c"alto_config_set");
        let open: unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int =
            self.get(c"alto_open");
        let start: unsafe extern "C" fn(*mut c_void) -> c_int = self.get(c"alto_start");
        let (mut config, mut handle) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as the header says.
        unsafe {
            assert_eq!(new(0x0000_0100, &raw mut config), 0);
            for (key, value) in settings {
                let (key, value) = (CString::new(*key), CString::new(value.as_str()));
                let (key, value) = (key.expect("a key"), value.expect("a value"));
                assert_eq!(set(config, key.as_ptr(), value.as_ptr()), 0);
            }
            assert_eq!(open(config, &raw mut handle), 0);
            assert_eq!(start(handle), 0);
        }
        handle
    }
}
