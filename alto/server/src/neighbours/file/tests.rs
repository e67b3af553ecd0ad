use super::*;

const OWN: &str = "own = { uri = \"https://a.example/directory\" }\n";

fn read(text: &str) -> Result<NeighbourFile, LoadFault> {
    NeighbourFile::parse("n.toml", text, Policy::default())
}

fn fault(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// All that a file can say, in one.
#[test]
fn a_whole_file() {
    let file = read(
        r#"# Who speaks for whom.
[own]
uri = "https://a.example/directory"
pids = ["near"]
prefixes = ["203.0.113.0/24", "2001:db8::/32"]

[[neighbour]]
uri = "https://b.example/directory"
prefixes = ["198.51.100.0/24"]
shared = [{ prefix = "203.0.113.7", ports = ["1024-2047", "40000"], tokens = ["c2VjcmV0"] }]
redirect = "307"

[[neighbour]]
uri = "https://c.example:8443/directory"
pids = ["home", "office"]
within = ["192.0.2.0/24"]
redirect = "directory"
"#,
    )
    .unwrap();
    assert_eq!((file.own.line, file.own.prefixes[1].1), (3, 5));
    let [b, c] = &file.neighbours[..] else { panic!() };
    assert_eq!(
        (b.uri.as_str(), b.line, b.form),
        ("https://b.example/directory", 8, Form::Status307)
    );
    let parts = [Part::Ports(1024..=2047), Part::Ports(40000..=40000)];
    let token = Part::Token(b"secret".as_slice().into());
    let read: Vec<_> =
        b.parts.iter().map(|(net, part, line)| (net.to_string(), part, *line)).collect();
    let expected = [&parts[0], &parts[1], &token].map(|part| ("203.0.113.7/32".into(), part, 10));
    assert_eq!(read, expected);
    assert_eq!((c.pids[1].as_str(), c.within.len(), c.form), ("office", 1, Form::Directory));
}

/// A server that speaks for nobody itself, and has no neighbours yet.
#[test]
fn the_least_file() {
    let file = read(OWN).unwrap();
    assert_eq!((file.own.uri.as_str(), file.neighbours.len()), ("https://a.example/directory", 0));
}

/// Each fault names the line and what is wrong with it.
#[test]
fn faults_name_the_line() {
    let with = |more: &str| {
        fault(&format!("{OWN}[[neighbour]]\nuri = \"https://b.example/directory\"\n{more}\n"))
    };
    for (more, expected) in [
        ("", "n.toml:3: speaks for nothing: `prefixes`, `shared` or `pids` are wanted"),
        ("prefixes = [\"10.0.0.0/33\"]", "n.toml:4: `10.0.0.0/33` is no prefix"),
        ("pids = [\"a b\"]\nwithin = []", "n.toml:4: `a b` is no PID name"),
        ("pids = [\"a\"]", "n.toml:3: `pids` without `within`"),
        ("within = [\"10.0.0.0/8\"]", "n.toml:3: `within` without `pids`"),
        ("redirect = \"308\"\nprefixes = [\"10.0.0.0/8\"]", "n.toml:4: `redirect` is"),
        ("prefixes = [\"::ffff:10.0.0.0/104\"]", "n.toml:4: `::ffff:10.0.0.0/104` is IPv4-mapped"),
        ("shared = [{ prefix = \"10.0.0.1\" }]", "n.toml:4: shared, but with no `ports`"),
        ("shared = [{ prefix = \"10.0.0.1\", ports = [\"0\"] }]", "n.toml:4: no ports"),
        ("shared = [{ prefix = \"10.0.0.1\", ports = [\"2-1\"] }]", "n.toml:4: no ports"),
        ("shared = [{ prefix = \"10.0.0.1\", ports = [\"1-65536\"] }]", "n.toml:4: no ports"),
        (
            "shared = [{ prefix = \"10.0.0.1\", ports = [1] }]",
            "n.toml:4: invalid type: integer `1`",
        ),
        ("port = []", "n.toml:4: unknown field `port`"),
        ("prefixes = \"10.0.0.0/8\"", "n.toml:4: invalid type"),
        ("prefixes = [", "n.toml:"),
    ] {
        let found = with(more);
        assert!(found.starts_with(expected), "{found} for {more}");
    }
    let host_bits = with("prefixes = [\"10.0.0.1/8\"]");
    assert!(host_bits.starts_with("n.toml:4: `10.0.0.1/8` has bits set"), "{host_bits}");
    assert!(fault("").contains("missing field `own`"));
    for spelling in ["https://A.example:443/directory", "https://a.example./%64irectory"] {
        let twice = fault(&format!(
            "{OWN}[[neighbour]]\nuri = \"{spelling}\"\nprefixes = [\"10.0.0.0/8\"]\n"
        ));
        assert!(twice.starts_with("n.toml:3: https://a.example"), "{twice}");
        assert!(twice.ends_with("is there already (line 1)"), "{twice}");
    }
}

/// A server that whoever is sent there would not contact is no neighbour.
#[test]
fn uris_are_judged_as_clients_judge_them() {
    let own = |uri: &str| format!("own = {{ uri = \"{uri}\" }}");
    for uri in [
        "http://b.example/directory",
        "https://127.0.0.1/directory",
        "https://0x7f.1/directory",
        "https://u:p@b.example/",
        "https://b.example/#f",
        "https://b.example:22/",
        "/directory",
        "",
    ] {
        assert!(fault(&own(uri)).starts_with("n.toml:1: "), "{uri}");
    }
    let (allow_private_servers, allow_http) = (true, true);
    let open = Policy { allow_private_servers, allow_http, ..Policy::default() };
    assert!(NeighbourFile::parse("n", &own("http://127.0.0.1:8080/"), open).is_ok());
    assert!(NeighbourFile::parse("n", &own("https://169.254.169.254/"), open).is_err());
}

/// Tokens are never repeated, wherever they stand and whatever is wrong with them.
#[test]
fn tokens_are_not_repeated() {
    let with = |shared: &str| {
        let text = format!(
            "{OWN}[[neighbour]]\nuri = \"https://b.example/\"\nshared = [{{ prefix = \"10.0.0.1\", {shared} }}]\n"
        );
        let fault = read(&text).unwrap_err();
        assert_eq!(fault.line, Some(4), "{fault}");
        fault.to_string()
    };
    for shared in [
        "tokens = [\"secret!\"]",
        "tokens = \"c2VjcmV0\"",
        "tokens = [[\"c2VjcmV0\"]]",
        "tokens = { c2VjcmV0 = 1 }",
        "ports = \"c2VjcmV0\"",
        "ports = [\"c2VjcmV0\"]",
        "ports = { a = \"c2VjcmV0\" }",
        "tokens = [\"c2VjcmV0\" \"c2VjcmV0\"]",
        "tokens = [\"c2VjcmV0\\x\"]",
        "tokens = [\"c2VjcmV0]",
    ] {
        let found = with(shared);
        assert!(!found.contains("c2Vj") && !found.contains("secret"), "{found}");
    }
    let long = format!("tokens = [\"{}\"]", "A".repeat(44));
    assert!(with(&long).contains("1 to 32 octets"));
    let shown = format!(
        "{:?}",
        read(
            &format!("{OWN}shared = [{{ prefix = \"10.0.0.1\", tokens = [\"c2VjcmV0\"] }}]")
                .replace(
                    "own = { uri = \"https://a.example/directory\" }",
                    "[own]\nuri = \"https://a.example/directory\""
                )
        )
        .unwrap()
    );
    assert!(!shown.contains("c2Vj") && !shown.contains("115, 101"), "{shown}");
}

/// What one file may hold is bounded.
#[test]
fn files_are_bounded() {
    let neighbours = |count: usize| {
        let entry = |at: usize| {
            let net = format!("10.{}.{}.0/24", at / 256, at % 256);
            format!("[[neighbour]]\nuri = \"https://b.example/{at}\"\nprefixes = [\"{net}\"]\n")
        };
        read(&(0..count).map(entry).fold(OWN.to_owned(), |all, one| all + &one))
    };
    assert!(neighbours(MOST_NEIGHBOURS).is_ok());
    assert!(neighbours(MOST_NEIGHBOURS + 1).unwrap_err().to_string().contains("1000 neighbours"));
    let prefixes = |count: usize| {
        let net = |at: usize| format!("\"2001:db8:{:x}:{:x}::/64\",", at >> 16, at & 0xffff);
        let nets: String = (0..count).map(net).collect();
        read(&format!("[own]\nuri = \"https://a.example/\"\nprefixes = [{nets}]\n"))
    };
    assert!(prefixes(MOST_PREFIXES).is_ok());
    assert!(prefixes(MOST_PREFIXES + 1).unwrap_err().to_string().contains("100000 prefixes"));
    let spaces = format!("{OWN}{}", " ".repeat(MOST_OCTETS));
    assert!(read(&spaces).unwrap_err().to_string().contains("octets"));
}
