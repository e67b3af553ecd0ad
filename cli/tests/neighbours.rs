//! `alto serve --neighbours` as an operator runs it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;

use common::{Files, Serving};

/// The flags belong together; a file at fault ends it before it listens, with file and line; tokens
/// are not repeated.
#[test]
fn faults_are_told_before_it_listens() {
    let files = Files::new();
    let neighbours = files.name("neighbours.toml");
    for flags in [&["--ca", "ca.pem"][..], &["--allow-private"], &["--allow-http"]] {
        let output = files.output(&[&["--http"], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
    let own = "[own]\nuri = \"https://a.example/directory\"\n";
    for (text, flags, expected) in [
        (
            format!("{own}pids = [\"nowhere\"]\n"),
            &[][..],
            ":2: the network map has no PID `nowhere`\n",
        ),
        (
            format!("{own}shared = [{{ prefix = \"10.0.0.1\", tokens = [\"secret!\"] }}]\n"),
            &[],
            ":3: `tokens` is no list of 1 to 32 octets each, in base 64 for URLs\n",
        ),
        (
            "[own]\nuri = \"http://127.0.0.1/\"\n".into(),
            &["--allow-http"],
            ":2: 127.0.0.1 is a denied (loopback) address\n",
        ),
        (
            "[own]\nuri = \"http://127.0.0.1/\"\n".into(),
            &["--allow-private"],
            ":2: scheme http is not allowed\n",
        ),
    ] {
        fs::write(&neighbours, text).unwrap();
        let output = files.output(&[&["--http", "--neighbours", &neighbours], flags].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.ends_with(expected), "{said}");
    }
}

/// A neighbour's map is fetched over https by the authority of `--ca`, and what came of it is told.
#[test]
fn a_neighbour_is_learnt_of() {
    let files = Files::new();
    let (cert, key) = (files.name("cert.pem"), files.name("key.pem"));
    let neighbour = Serving::start(files.serve(&["--cert", &cert, "--key", &key]));
    let text = format!(
        "[own]\nuri = \"https://a.example/directory\"\n[[neighbour]]\nuri = \"{}\"\npids = [\"near\", \"far\"]\nwithin = [\"203.0.113.0/24\"]\n",
        neighbour.uri
    );
    let file = files.name("neighbours.toml");
    fs::write(&file, text).unwrap();
    let ca = files.name("ca.pem");
    let flags = ["--http", "--neighbours", &file, "--ca", &ca, "--allow-private"];
    let mut server = Serving::start(files.serve(&flags));
    let said = server.line();
    let expected = format!(
        "alto: neighbour {}: 1 prefixes are its own; 2 reach beyond `within` and do not count\n",
        neighbour.uri
    );
    assert_eq!(said, expected);
}
