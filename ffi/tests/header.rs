//! The header is what the sources say.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fs;
use std::path::Path;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include/alto_discovery.h");

/// `include/alto_discovery.h` is what cbindgen makes of `ffi/src` and `ffi/cbindgen.toml`. With
/// ALTO_WRITE_HEADER in the environment (`make header`) it is written instead.
#[test]
fn the_header_is_up_to_date() {
    let made = for_c(&made());
    if std::env::var_os("ALTO_WRITE_HEADER").is_some() {
        fs::write(HEADER, &made).unwrap();
    }
    let committed = fs::read_to_string(HEADER).unwrap_or_default();
    assert!(committed == made, "include/alto_discovery.h is out of date: run `make header`");
}

/// `docs/c-api.md` names each function, struct and constant of the header, and no other.
#[test]
fn the_page_is_about_this_header() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/c-api.md"));
    let (page, header) = (page.unwrap(), fs::read_to_string(HEADER).unwrap());
    let (told, declared) = (names(&page), names(&header));
    let missing: Vec<_> = declared.difference(&told).collect();
    let unknown: Vec<_> = told.difference(&declared).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}

/// Words that begin like the interface's.
fn names(text: &str) -> std::collections::BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("alto_") || word.starts_with("ALTO_"));
    // Groups ("ALTO_ID_*"), and the names of files and of the library.
    let whole = ours.filter(|word| !word.ends_with('_'));
    whole.filter(|word| !["alto_discovery_h", "ALTO_DISCOVERY_H"].contains(word)).collect()
}

fn made() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let order = [
        "version",
        "status",
        "last_error",
        "structs",
        "config",
        "handle",
        "lookup",
        "select",
        "swarm",
        "stats",
    ];
    let sources = order.iter().map(|name| folder.join(format!("src/{name}.rs")));
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.fold(builder, cbindgen::Builder::with_src);
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

/// Without what only Rust's readers need, and with constants as C writes them.
fn for_c(made: &str) -> String {
    let mut text = String::new();
    let mut in_safety = false;
    for line in made.lines() {
        let comment = line.trim_start().strip_prefix("//");
        in_safety = match comment {
            Some(comment) => in_safety || comment.trim() == "# Safety",
            None => false,
        };
        if in_safety {
            // The empty line before it, too.
            if text.ends_with("\n//\n") {
                text.truncate(text.len() - 3);
            }
            continue;
        }
        text.push_str(&constant(line).unwrap_or_else(|| line.replace('`', "")));
        text.push('\n');
    }
    text
}

fn constant(line: &str) -> Option<String> {
    let (name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
    let value = match value {
        "4294967295" => "UINT32_MAX".into(),
        _ if name == "ALTO_VERSION_NUMBER" => format!("{:#08x}", value.parse::<u32>().ok()?),
        _ if value.starts_with('-') => format!("({value})"),
        _ => value.to_owned(),
    };
    Some(format!("#define {name} {value}"))
}
