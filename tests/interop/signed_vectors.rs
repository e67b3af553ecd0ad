//! The zones of the vectors that are about DNSSEC.

use alto_testkit::signer::{self, Key, Published};
use alto_testkit::vectors::{Fault, Vector};
use alto_testkit::{Record, Zone, ZoneFile};

/// The root, signed with this key, first; then zones of their own below it.
pub(crate) fn zones_of(vector: &Vector, key: &Key) -> Vec<ZoneFile> {
    if vector.faults.is_empty() {
        unsigned_below_signed(vector, key)
    } else {
        vec![forged(vector, key)]
    }
}

/// One signed zone, in which the server at each name that is to be bogus was replaced afterwards.
fn forged(vector: &Vector, key: &Key) -> ZoneFile {
    let root = signer::signed_root(&vector.zone(), &[], key);
    let mut lines: Vec<String> = root.text.lines().map(str::to_owned).collect();
    for (name, fault) in &vector.faults {
        assert_eq!(*fault, Fault::Bogus, "vector {vector}");
        let start = format!("{name} ");
        let naptr = |line: &&mut String| line.starts_with(&start) && line.contains(" NAPTR ");
        let line = lines.iter_mut().find(naptr).expect("a record at the name");
        *line = line.replace("https://", "https://evil.");
    }
    ZoneFile { text: lines.join("\n") + "\n", ..root }
}

/// Below a signed root, each name with records as an unsigned zone.
fn unsigned_below_signed(vector: &Vector, key: &Key) -> Vec<ZoneFile> {
    let zones: Vec<Published> = vector.zone.iter().map(|line| unsigned(line)).collect();
    let root = signer::signed_root(&Zone::new([]), &zones, key);
    [root].into_iter().chain(zones.into_iter().map(|zone| zone.file)).collect()
}

/// The zone with this record at its top, and nothing to vouch for it.
fn unsigned(line: &str) -> Published {
    let record: Record = line.parse().expect("a record");
    let apex = record.owner.clone();
    let [soa, ns] = ["SOA ns.root. hostmaster.root. 1 3600 600 86400 300", "NS ns.root."]
        .map(|data| format!("{apex} 300 {data}").parse().expect("a record"));
    Published { file: ZoneFile::new(apex, &[soa, ns, record]), ds: vec![] }
}
