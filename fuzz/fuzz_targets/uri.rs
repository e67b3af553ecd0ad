//! URIs and who may be contacted: a URI that passes stays what it is when read again.
#![no_main]

use alto_discovery::core::{MAX_URI_OCTETS, Policy, parse_uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(uri) = parse_uri(text) else { return };
    assert!(text.len() <= MAX_URI_OCTETS);
    let verdict = Policy::default().check_location(&uri);
    if uri.as_str().len() <= MAX_URI_OCTETS {
        let again = parse_uri(uri.as_str()).expect("what was read can be read again");
        assert_eq!(again, uri);
        assert_eq!(Policy::default().check_location(&again), verdict);
    }
});
