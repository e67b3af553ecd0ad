//! docs/approaches.md, run: the servers of approaches 2 and 4, and whom they lead to.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

#[path = "common/page.rs"]
mod page;

use alto_testkit::nsd;
use page::{Stage, sections};

const PAGE: &str = include_str!("../../docs/approaches.md");
const LISTENERS: &[&str] =
    &["127.0.0.1:8441", "127.0.0.1:8442", "127.0.0.1:8443", "127.0.0.1:8444"];

/// Each file and each command of the section, in its order.
#[test]
fn servers_that_know_each_other() {
    let sections = sections(PAGE);
    let (_, blocks) =
        sections.iter().find(|(name, _)| name == "2 and 4: servers that know each other").unwrap();
    assert!(blocks.iter().filter(|block| block.language == "console").count() >= 4);
    let mut stage = Stage::new(nsd::launch, LISTENERS);
    for block in blocks {
        stage.take(block);
    }
}
