//! Signed zones, sound when they start, and what can be done to them.

use alto_testkit::signer::{self, Denial, Key, Published, Signature, covers};
use alto_testkit::wire::kind;
use alto_testkit::{Data, Record, ZoneFile};

/// The server that each zone names at its top, or by its wildcard.
pub(crate) const A: &str = "https://a.example/ird";

/// A zone being made, with the DS records that its parent shall hold.
pub(crate) struct Signed {
    pub(crate) apex: String,
    plain: Vec<Record>,
    pub(crate) records: Vec<Record>,
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

    pub(crate) fn sign(&mut self, key: &Key, denial: Denial) {
        self.records = signer::sign(&self.apex, &self.plain, key, denial);
        self.ds = vec![key.ds(&self.apex)];
    }

    /// Signs it with a key whose record says something else.
    pub(crate) fn sign_by(&mut self, change: impl Fn(&mut Key)) {
        let mut key = Key::new(1);
        change(&mut key);
        self.sign(&key, Denial::Nsec);
    }

    pub(crate) fn add_wildcard(&mut self) {
        self.plain.push(naptr(&format!("*.{}", self.apex), A));
        self.sign(&Key::new(1), Denial::Nsec);
    }

    /// An alias at a name below the top.
    pub(crate) fn add_alias(&mut self, label: &str, target: &str) {
        let line = format!("{label}.{} 300 CNAME {target}", self.apex);
        self.plain.push(line.parse().expect("a record"));
        self.sign(&Key::new(1), Denial::Nsec);
    }

    /// Changes the records of this type at the top, whatever their signature says.
    pub(crate) fn change(&mut self, kind: u16, change: impl Fn(&mut Record)) {
        let apex = &self.apex;
        let here = |record: &&mut Record| record.is(kind) && record.owner == *apex;
        self.records.iter_mut().filter(here).for_each(change);
    }

    pub(crate) fn change_ds(&mut self, change: impl Fn(&mut Vec<u8>)) {
        self.ds.iter_mut().for_each(|ds| change(octets(ds)));
    }

    pub(crate) fn remove(&mut self, kind: u16) {
        self.records.retain(|record| !record.is(kind) && covers(record) != Some(kind));
    }

    pub(crate) fn remove_signature(&mut self, covered: u16) {
        self.records.retain(|record| covers(record) != Some(covered));
    }

    /// Takes records of this type away with their signatures.
    pub(crate) fn remove_denial(&mut self, kind: u16, at: impl Fn(&str) -> bool) {
        let gone = |record: &Record| record.is(kind) || covers(record) == Some(kind);
        self.records.retain(|record| !(gone(record) && at(&record.owner)));
    }

    /// Signs the set of this type at the top again, with a signature that says something else.
    pub(crate) fn sign_again(&mut self, kind: u16, key: &Key, change: impl Fn(&mut Signature)) {
        let set = self.set(kind, &self.apex);
        let mut says = Signature::over(&set, &self.apex, key);
        change(&mut says);
        let signature = says.by(key, &set);
        let apex = self.apex.clone();
        self.records.retain(|record| !(covers(record) == Some(kind) && record.owner == apex));
        self.records.push(signature);
    }

    pub(crate) fn sign_badly(&mut self, change: impl Fn(&mut Signature)) {
        self.sign_again(kind::NAPTR, &Key::new(1), change);
    }

    /// Changes the NAPTR set's signature without signing again.
    pub(crate) fn edit_signature(&mut self, change: impl Fn(&mut Vec<u8>)) {
        let signatures = self.records.iter_mut();
        let of_naptr = signatures.filter(|record| covers(record) == Some(kind::NAPTR));
        of_naptr.for_each(|signature| change(octets(signature)));
    }

    /// Changes the data of all records of this type and signs them again.
    pub(crate) fn resign_all(&mut self, kind: u16, change: impl Fn(&mut Vec<u8>)) {
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
    pub(crate) fn shorten_nsec(&mut self, end: &str) {
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
    pub(crate) fn widen_nsec(&mut self) {
        let before = format!("1.{}", self.apex);
        let wide = self.set(kind::NSEC, &before);
        self.shorten_nsec(&format!("2.{}", self.apex));
        self.records.retain(|record| !(record.is(kind::NSEC) && record.owner == before));
        self.records.extend(wide);
    }

    /// The peer's name exists without NAPTR records, and its NSEC record says that there are some.
    pub(crate) fn contradict_nsec(&mut self) {
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

pub(crate) fn set_uri(record: &mut Record, uri: &str) {
    let owner = record.owner.clone();
    *record = naptr(&owner, uri);
}

fn octets(record: &mut Record) -> &mut Vec<u8> {
    match &mut record.data {
        Data::Raw { octets, .. } => octets,
        other => panic!("{other} has no octets of its own"),
    }
}
