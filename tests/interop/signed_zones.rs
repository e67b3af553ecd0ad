//! Zones with something wrong in their DNSSEC, and what a validator must make of each.

use alto_testkit::signer::{self, Denial, Key, Nsec3, Published, Signature, covers};
use alto_testkit::wire::kind;
use alto_testkit::{Data, Record, ZoneFile};

/// The server that each zone names at its top, or by its wildcard.
pub(crate) const A: &str = "https://a.example/ird";
/// What only a forger would name.
const EVIL: &str = "https://evil.example/ird";

/// What the validator finds at the two names of a peer that lie in the zone: that of the host, which
/// has no records unless a wildcard makes them, and that of the block, which has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Both are authentic.
    Secure,
    /// The host has records, made by a wildcard, and they are authentic.
    SecureHost,
    /// The records are authentic; the denial of the host's is not.
    InsecureDenial,
    /// Neither is signed, provably.
    Insecure,
    /// The host's should be authentic and is not.
    BogusHost,
    /// The block's should be authentic and is not.
    BogusBlock,
    /// Neither is authentic, and both should be.
    BogusZone,
}

impl Shows {
    pub(crate) fn is_bogus(self) -> bool {
        matches!(self, Self::BogusHost | Self::BogusBlock | Self::BogusZone)
    }
}

/// A zone and what becomes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rule: &'static str,
    /// What is done to a sound zone.
    pub(crate) make: fn(&mut Signed),
    pub(crate) shows: Shows,
}

const fn case(name: &'static str, rule: &'static str, shows: Shows, make: fn(&mut Signed)) -> Case {
    Case { name, rule, make, shows }
}

use Shows::{BogusBlock, BogusHost, BogusZone, Insecure, InsecureDenial, Secure, SecureHost};

/// RFC 4035 §5 unless said otherwise.
#[rustfmt::skip] // a table
pub(crate) const CASES: &[Case] = &[
    // ---- Sound ones, so that the others can be told from them ----
    case("sound, NSEC", "RFC 4035 §5", Secure, |_| ()),
    case("sound, NSEC3", "RFC 5155 §8", Secure, |zone| zone.sign(&Key::new(1), Denial::Nsec3(Nsec3::default()))),
    case("wildcard with proof", "RFC 4035 §5.3.4", SecureHost, Signed::add_wildcard),
    case("TTL above the original", "RFC 4035 §5.3.3", Secure, |zone| zone.change(kind::NAPTR, |naptr| naptr.ttl = 86_400)),
    case("a DS for an unknown key beside a good one", "RFC 4035 §5.2", Secure, |zone| {
        let stray = Key::new(7).ds(&zone.apex);
        zone.ds.push(stray);
    }),

    // ---- Not signed, provably ----
    case("DS missing", "RFC 4035 §5.2", Insecure, |zone| zone.ds.clear()),
    case("algorithm unknown", "RFC 4035 §5.2", Insecure, |zone| zone.sign_by(|key| key.algorithm = 200)),
    case("algorithm private", "RFC 4034 §A.1.1", Insecure, |zone| zone.sign_by(|key| key.algorithm = 253)),
    case("digest of the DS unknown", "RFC 4509 §3", Insecure, |zone| zone.change_ds(|octets| octets[3] = 200)),
    case("NSEC3 with 500 iterations", "RFC 9276 §3.2", InsecureDenial, |zone| {
        zone.sign(&Key::new(1), Denial::Nsec3(Nsec3 { flags: 0, iterations: 500 }));
    }),
    case("NSEC3 with opt-out", "RFC 5155 §9.2", InsecureDenial, |zone| {
        zone.sign(&Key::new(1), Denial::Nsec3(Nsec3 { flags: 1, iterations: 0 }));
    }),

    // ---- The chain of trust is broken ----
    case("DS of another key", "RFC 4035 §5.2", BogusZone, |zone| zone.ds = vec![Key::new(2).ds(&zone.apex)]),
    case("DS with a wrong digest", "RFC 4035 §5.2", BogusZone, |zone| zone.change_ds(|octets| octets[10] ^= 1)),
    case("DS with a wrong key tag", "RFC 4035 §5.2", BogusZone, |zone| zone.change_ds(|octets| octets[0] ^= 1)),
    case("DS with another algorithm than the key's", "RFC 4035 §5.2", BogusZone, |zone| zone.change_ds(|octets| octets[2] = 13)),
    case("DNSKEY missing", "RFC 4035 §5.2", BogusZone, |zone| zone.remove(kind::DNSKEY)),
    case("DNSKEY unsigned", "RFC 4035 §5.2", BogusZone, |zone| zone.remove_signature(kind::DNSKEY)),
    case("DNSKEY signed by a key without DS", "RFC 4035 §5.2", BogusZone, |zone| {
        zone.records.push(Key::new(2).dnskey(&zone.apex));
        zone.sign_again(kind::DNSKEY, &Key::new(2), |_| ());
    }),
    case("key revoked, DS for what it was", "RFC 5011 §2.1", BogusZone, |zone| {
        let before = zone.ds.clone();
        zone.sign_by(|key| key.flags = 0x0101 | 0x0080);
        zone.ds = before;
    }),
    case("zone bit of the key off", "RFC 4034 §2.1.1", BogusZone, |zone| zone.sign_by(|key| key.flags = 1)),
    case("protocol of the key not 3", "RFC 4034 §2.1.2", BogusZone, |zone| zone.sign_by(|key| key.protocol = 2)),
    case("signatures stripped from all", "RFC 4035 §5", BogusZone, |zone| zone.records.retain(|record| covers(record).is_none())),

    // ---- The records are not what was signed ----
    case("data forged", "RFC 4035 §5.3.3", BogusBlock, |zone| zone.change(kind::NAPTR, |naptr| set_uri(naptr, EVIL))),
    case("record added", "RFC 4035 §5.3.3", BogusBlock, |zone| {
        let more = naptr(&zone.apex, EVIL);
        zone.records.push(more);
    }),
    case("signature missing", "RFC 4035 §5.3", BogusBlock, |zone| zone.remove_signature(kind::NAPTR)),
    case("signature of another set", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.edit_signature(|octets| octets[..2].copy_from_slice(&kind::TXT.to_be_bytes()))),
    case("signature expired", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| (says.inception, says.expiration) = (1_577_836_800, 1_609_459_200))),
    case("signature not yet valid", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| (says.inception, says.expiration) = (3_439_670_400, 3_471_292_800))),
    case("signature ends before it begins", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| std::mem::swap(&mut says.inception, &mut says.expiration))),
    case("signature prolonged afterwards", "RFC 4035 §5.3.3", BogusBlock, |zone| zone.edit_signature(|octets| octets[8] ^= 1)),
    case("original TTL raised afterwards", "RFC 4035 §5.3.3", BogusBlock, |zone| zone.edit_signature(|octets| octets[5] ^= 1)),
    case("wrong key, tag of the right one", "RFC 4035 §5.3.3", BogusBlock, |zone| {
        let tag = Key::new(1).tag();
        zone.sign_again(kind::NAPTR, &Key::new(2), |says| says.tag = tag);
    }),
    case("key that the zone does not hold", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_again(kind::NAPTR, &Key::new(2), |_| ())),
    case("key tag wrong", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.tag ^= 1)),
    case("algorithm of the signature not the key's", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.algorithm = 13)),
    case("signer is another zone", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.signer = "example.".into())),
    case("signer is the parent", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.signer = ".".into())),
    case("signer is below the zone", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.signer = format!("1.{}", says.signer))),
    case("more labels than the name has", "RFC 4035 §5.3.1", BogusBlock, |zone| zone.sign_badly(|says| says.labels += 1)),
    case("fewer labels, as if from a wildcard", "RFC 4035 §5.3.2", BogusBlock, |zone| zone.sign_badly(|says| says.labels -= 1)),
    case("signature cut short", "RFC 8080 §4", BogusBlock, |zone| zone.edit_signature(|octets| octets.truncate(octets.len() - 8))),
    case("signature with a bit flipped", "RFC 8080 §4", BogusBlock, |zone| zone.edit_signature(|octets| *octets.last_mut().expect("octets") ^= 1)),
    case("signature of another name's set", "RFC 4035 §5.3.3", BogusBlock, |zone| {
        let elsewhere = vec![naptr(&format!("1.{}", zone.apex), A)];
        let key = Key::new(1);
        let mut says = Signature::over(&elsewhere, &zone.apex, &key);
        says.labels -= 1;
        let stolen = says.by(&key, &elsewhere);
        zone.remove_signature(kind::NAPTR);
        zone.records.push(Record { owner: zone.apex.clone(), ..stolen });
    }),

    // ---- The denial proves nothing ----
    case("NSEC missing", "RFC 4035 §5.4", BogusHost, |zone| zone.remove_denial(kind::NSEC, |_| true)),
    case("NSEC unsigned", "RFC 4035 §5.4", BogusHost, |zone| zone.remove_signature(kind::NSEC)),
    case("NSEC chain with a gap at the name", "RFC 4035 §5.4", BogusHost, |zone| {
        let before = format!("1.{}", zone.apex);
        zone.remove_denial(kind::NSEC, |owner| owner == before);
    }),
    case("NSEC that ends before the name", "RFC 4035 §5.4", BogusHost, |zone| zone.shorten_nsec(&format!("2.{}", zone.apex))),
    case("NSEC widened afterwards", "RFC 4035 §5.3.3", BogusHost, Signed::widen_nsec),
    case("no proof that there is no wildcard", "RFC 4035 §5.4", BogusHost, |zone| {
        let apex = zone.apex.clone();
        zone.remove_denial(kind::NSEC, |owner| owner == apex);
    }),
    case("SOA of the denial unsigned", "RFC 4035 §3.1.3", BogusHost, |zone| zone.remove_signature(kind::SOA)),
    case("NSEC that says the records exist", "RFC 4035 §5.4", BogusHost, Signed::contradict_nsec),
    case("wildcard without proof", "RFC 4035 §5.3.4", BogusHost, |zone| {
        zone.add_wildcard();
        zone.remove_denial(kind::NSEC, |_| true);
    }),
    case("NSEC3 missing", "RFC 5155 §8.4", BogusHost, |zone| {
        zone.sign(&Key::new(1), Denial::Nsec3(Nsec3::default()));
        zone.remove_denial(kind::NSEC3, |_| true);
    }),
    case("NSEC3 without the closest encloser", "RFC 5155 §8.3", BogusHost, |zone| {
        zone.sign(&Key::new(1), Denial::Nsec3(Nsec3::default()));
        let label = signer::nsec3_label(&zone.apex, Nsec3::default());
        zone.remove_denial(kind::NSEC3, |owner| owner.starts_with(&label));
    }),
    case("NSEC3 of hashes that are none", "RFC 5155 §8.4", BogusHost, |zone| {
        zone.sign(&Key::new(1), Denial::Nsec3(Nsec3::default()));
        zone.resign_all(kind::NSEC3, |octets| octets[6..].fill(0));
    }),
];

/// A zone being made, with the DS records that its parent shall hold.
pub(crate) struct Signed {
    apex: String,
    plain: Vec<Record>,
    records: Vec<Record>,
    pub(crate) ds: Vec<Record>,
}

impl Signed {
    /// A sound zone: records for its block at its top, and two hosts with names.
    fn sound(apex: &str) -> Self {
        let plain = [
            format!("{apex} 300 SOA ns.root. hostmaster.root. 1 3600 600 86400 300"),
            format!("{apex} 300 NS ns.root."),
            format!("1.{apex} 300 PTR one.example."),
            format!("9.{apex} 300 PTR nine.example."),
        ];
        let plain = plain.iter().map(|line| line.parse().expect("a record"));
        let plain = plain.chain([naptr(apex, A)]).collect();
        let mut zone = Self { apex: apex.into(), plain, records: vec![], ds: vec![] };
        zone.sign(&Key::new(1), Denial::Nsec);
        zone
    }

    /// The sound zone with this done to it.
    pub(crate) fn published(apex: &str, make: impl Fn(&mut Self)) -> Published {
        let mut zone = Self::sound(apex);
        make(&mut zone);
        Published { file: ZoneFile::new(apex, &zone.records), ds: zone.ds }
    }

    /// The sound zone without any signature.
    pub(crate) fn plain(apex: &str) -> ZoneFile {
        ZoneFile::new(apex, &Self::sound(apex).plain)
    }

    fn sign(&mut self, key: &Key, denial: Denial) {
        self.records = signer::sign(&self.apex, &self.plain, key, denial);
        self.ds = vec![key.ds(&self.apex)];
    }

    /// Signs it with a key whose record says something else.
    fn sign_by(&mut self, change: impl Fn(&mut Key)) {
        let mut key = Key::new(1);
        change(&mut key);
        self.sign(&key, Denial::Nsec);
    }

    fn add_wildcard(&mut self) {
        self.plain.push(naptr(&format!("*.{}", self.apex), A));
        self.sign(&Key::new(1), Denial::Nsec);
    }

    /// Changes the records of this type at the top, whatever their signature says.
    fn change(&mut self, kind: u16, change: impl Fn(&mut Record)) {
        let apex = &self.apex;
        let here = |record: &&mut Record| record.is(kind) && record.owner == *apex;
        self.records.iter_mut().filter(here).for_each(change);
    }

    fn change_ds(&mut self, change: impl Fn(&mut Vec<u8>)) {
        self.ds.iter_mut().for_each(|ds| change(octets(ds)));
    }

    fn remove(&mut self, kind: u16) {
        self.records.retain(|record| !record.is(kind) && covers(record) != Some(kind));
    }

    fn remove_signature(&mut self, covered: u16) {
        self.records.retain(|record| covers(record) != Some(covered));
    }

    /// Takes records of this type away with their signatures.
    fn remove_denial(&mut self, kind: u16, at: impl Fn(&str) -> bool) {
        let gone = |record: &Record| record.is(kind) || covers(record) == Some(kind);
        self.records.retain(|record| !(gone(record) && at(&record.owner)));
    }

    /// Signs the set of this type at the top again, with a signature that says something else.
    fn sign_again(&mut self, kind: u16, key: &Key, change: impl Fn(&mut Signature)) {
        let set = self.set(kind, &self.apex);
        let mut says = Signature::over(&set, &self.apex, key);
        change(&mut says);
        let signature = says.by(key, &set);
        let apex = self.apex.clone();
        self.records.retain(|record| !(covers(record) == Some(kind) && record.owner == apex));
        self.records.push(signature);
    }

    fn sign_badly(&mut self, change: impl Fn(&mut Signature)) {
        self.sign_again(kind::NAPTR, &Key::new(1), change);
    }

    /// Changes the NAPTR set's signature without signing again.
    fn edit_signature(&mut self, change: impl Fn(&mut Vec<u8>)) {
        let signatures = self.records.iter_mut();
        let of_naptr = signatures.filter(|record| covers(record) == Some(kind::NAPTR));
        of_naptr.for_each(|signature| change(octets(signature)));
    }

    /// Changes the data of all records of this type and signs them again.
    fn resign_all(&mut self, kind: u16, change: impl Fn(&mut Vec<u8>)) {
        let key = Key::new(1);
        self.remove_signature(kind);
        let mut signatures = Vec::new();
        for record in self.records.iter_mut().filter(|record| record.is(kind)) {
            change(octets(record));
            let set = [record.clone()];
            signatures.push(Signature::over(&set, &self.apex, &key).by(&key, &set));
        }
        self.records.extend(signatures);
    }

    /// The record before the peer's name denies only what comes before `end`.
    fn shorten_nsec(&mut self, end: &str) {
        let before = format!("1.{}", self.apex);
        self.replace_nsec(&before, &[format!("{before} 300 PTR x."), format!("{end} 300 PTR x.")]);
    }

    /// The NSEC record at `owner` becomes the one that it would be in a zone of these records.
    fn replace_nsec(&mut self, owner: &str, lines: &[String]) {
        let others: Vec<Record> =
            lines.iter().map(|line| line.parse().expect("a record")).collect();
        let zone = signer::sign(&self.apex, &others, &Key::new(1), Denial::Nsec);
        let nsec = |record: &Record| record.is(kind::NSEC) || covers(record) == Some(kind::NSEC);
        self.remove_denial(kind::NSEC, |at| at == owner);
        self.records
            .extend(zone.into_iter().filter(|record| nsec(record) && record.owner == owner));
    }

    /// A record that denies too little is changed to deny the peer's name, unsigned.
    fn widen_nsec(&mut self) {
        let before = format!("1.{}", self.apex);
        let wide = self.set(kind::NSEC, &before);
        self.shorten_nsec(&format!("2.{}", self.apex));
        self.records.retain(|record| !(record.is(kind::NSEC) && record.owner == before));
        self.records.extend(wide);
    }

    /// The peer's name exists without NAPTR records, and its NSEC record says that there are some.
    fn contradict_nsec(&mut self) {
        let host = format!("3.{}", self.apex);
        self.plain.push(format!("{host} 300 PTR three.example.").parse().expect("a record"));
        self.sign(&Key::new(1), Denial::Nsec);
        let next = format!("9.{} 300 PTR x.", self.apex);
        let with = naptr(&host, A).to_string();
        self.replace_nsec(&host, &[with.replace(" IN ", " "), next]);
    }

    fn set(&self, kind: u16, owner: &str) -> Vec<Record> {
        let here = |record: &&Record| record.is(kind) && record.owner == owner;
        self.records.iter().filter(here).cloned().collect()
    }
}

/// A NAPTR record that names a server.
pub(crate) fn naptr(owner: &str, uri: &str) -> Record {
    let line = format!(r#"{owner} 300 NAPTR 100 10 "u" "ALTO:https" "!.*!{uri}!" ."#);
    line.parse().expect("a record")
}

fn set_uri(record: &mut Record, uri: &str) {
    let owner = record.owner.clone();
    *record = naptr(&owner, uri);
}

fn octets(record: &mut Record) -> &mut Vec<u8> {
    match &mut record.data {
        Data::Raw { octets, .. } => octets,
        other => panic!("{other} has no octets of its own"),
    }
}
