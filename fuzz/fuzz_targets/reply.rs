//! Whole DNS replies, after the two octets of id that the socket has checked already.
#![no_main]

use alto_backend_dns::fuzzing::read_reply;
use alto_backend_dns::upstream::Holds;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for believed in [false, true] {
        let Some(Ok(reply)) = read_reply(octets, "3.100.51.198.in-addr.arpa.", believed) else {
            continue;
        };
        assert!(reply.ttl <= i32::MAX.unsigned_abs(), "RFC 2181 section 8");
        if let Holds::Records(records) = reply.holds {
            assert!(!records.is_empty());
            let is_name = |name: &str| name.ends_with('.') && name.to_ascii_lowercase() == name;
            assert!(records.iter().all(|record| is_name(&record.replacement)));
        }
    }
});
