//! Configuration as TOML: what is accepted is written so that it makes the same again.
#![no_main]

use alto_discovery::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut config = Config::default();
    if config.set_toml(text).is_err() {
        return;
    }
    let written = config.to_toml();
    let mut again = Config::default();
    again.set_toml(&written).expect("what was written can be read");
    assert_eq!(again.to_toml(), written);
});
