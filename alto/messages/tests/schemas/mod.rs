//! JSON schemas of all messages, written from RFC 7285's object grammar apart from the parser. Tests
//! of other crates include this file.

use std::fs;
use std::path::PathBuf;

use alto_messages::MediaType;
use jsonschema::{Registry, Validator};
use serde_json::Value;

/// The schema of a media type.
pub(crate) fn schema(of: MediaType) -> Validator {
    let name = of.as_str().trim_start_matches("application/alto-").trim_end_matches("+json");
    let read = |name: &str| -> Value {
        let crate_of_test = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = crate_of_test.join("../messages/tests/schemas");
        let text = fs::read(folder.join(name).with_extension("json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let registry = Registry::new().add("urn:alto:names", read("names")).unwrap();
    let registry = registry.prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&read(name)).unwrap()
}

/// The body as JSON, once the schema of its media type has found it valid.
pub(crate) fn valid(of: MediaType, body: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(body).unwrap();
    let faults: Vec<_> = schema(of).iter_errors(&value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{of}: {faults:?} in {value}");
    value
}
