//! Sound zones, signed by what operators sign with.

use std::fs;
use std::path::Path;
use std::process::Command;

use alto_testkit::process::installed;
use alto_testkit::signer::Published;
use alto_testkit::wire::kind;
use alto_testkit::{Data, Record, ZoneFile};

const FROM: &str = "20200101000000";
const UNTIL: &str = "20800101000000";

/// Signed by ldns: elliptic curves, hashed denial.
pub(crate) fn by_ldns(plain: &ZoneFile) -> Published {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ldns =
        |program: &str, arguments: &[&str]| run(folder.path(), program, "ldnsutils", arguments);
    fs::write(folder.path().join("plain"), &plain.text).expect("a file");
    let key = ldns("ldns-keygen", &["-k", "-a", "ECDSAP256SHA256", &plain.apex]);
    let times = ["-i", FROM, "-e", UNTIL];
    let output = ["-n", "-o", &plain.apex, "-f", "signed", "plain", &key];
    ldns("ldns-signzone", &[&times[..], &output].concat());
    published(folder.path(), plain, &format!("{key}.ds"))
}

/// Signed by BIND's tools: RSA, denial by names.
pub(crate) fn by_bind(plain: &ZoneFile) -> Published {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bind =
        |program: &str, arguments: &[&str]| run(folder.path(), program, "bind9-utils", arguments);
    fs::write(folder.path().join("plain"), &plain.text).expect("a file");
    let key = ["-q", "-a", "RSASHA256", "-b", "2048", "-f", "KSK", &plain.apex];
    bind("dnssec-keygen", &key);
    let times = ["-s", FROM, "-e", UNTIL];
    // The one key signs all (-z), and is put into the zone (-S).
    let output = ["-S", "-z", "-P", "-o", &plain.apex, "-f", "signed", "plain"];
    bind("dnssec-signzone", &[&times[..], &output].concat());
    published(folder.path(), plain, &format!("dsset-{}", plain.apex))
}

/// What the program says, in a line.
fn run(folder: &Path, program: &str, package: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(installed(program, package));
    let output = command.current_dir(folder).args(arguments).output().expect("it runs");
    let said = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    assert!(output.status.success(), "{program}: {}", said(&output.stderr));
    said(&output.stdout)
}

fn published(folder: &Path, plain: &ZoneFile, ds: &str) -> Published {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file of the signer");
    let file = ZoneFile { apex: plain.apex.clone(), text: read("signed") };
    let ds = read(ds).lines().map(|line| ds_record(&plain.apex, line)).collect();
    Published { file, ds }
}

/// Reads `OWNER IN DS TAG ALGORITHM DIGEST-TYPE HEX...`.
fn ds_record(zone: &str, line: &str) -> Record {
    let mut words = line.split_whitespace().skip_while(|word| *word != "DS").skip(1);
    let mut number = || words.next().and_then(|word| word.parse::<u16>().ok()).expect("a number");
    let (tag, algorithm, digest) = (number(), number(), number());
    let hex: String = words.collect();
    let octet = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hex digits");
    let kinds = [algorithm, digest].map(|number| u8::try_from(number).expect("an octet"));
    let octets = tag.to_be_bytes().into_iter().chain(kinds);
    let octets = octets.chain((0..hex.len()).step_by(2).map(octet)).collect();
    Record::new(zone, 300, Data::Raw { kind: kind::DS, octets })
}
