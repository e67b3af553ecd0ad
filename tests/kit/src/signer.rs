//! A signer of zones (RFC 4034, RFC 4035 §2, RFC 5155), each of whose steps can be done wrong.
//!
//! [`sign`] makes a sound zone. To break it, change its records afterwards, or make a signature that
//! says something else: a [`Signature`] is plain data.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::dns_zone::Zone;
use crate::name_server::ZoneFile;
use crate::record::{Data, Record};
use crate::wire::{Octets, kind};

/// Ed25519 (RFC 8080).
const ED25519: u8 = 15;
/// SHA-256 as the digest of a DS record (RFC 4509).
const SHA256: u8 = 2;
/// 2020-01-01 and 2080-01-01, in seconds since 1970: no clock is read.
const VALID: (u32, u32) = (1_577_836_800, 3_471_292_800);

/// A signed zone as its operator hands it over.
#[derive(Clone, Debug)]
pub struct Published {
    /// For the server of the zone.
    pub file: ZoneFile,
    /// For the parent: the DS records that vouch for it; none if it is to pass for unsigned.
    pub ds: Vec<Record>,
}

/// The root zone, signed by this key, with the delegations of zones below it and what vouches for
/// them. The key's DS record is what a validator is to trust.
pub fn signed_root(zone: &Zone, below: &[Published], key: &Key) -> ZoneFile {
    let mut records = zone.records().to_vec();
    for Published { file, ds } in below {
        records.push(Record::new(&file.apex, 300, Data::Ns("ns.root.".into())));
        records.extend(ds.iter().cloned());
    }
    ZoneFile::new(".", &sign(".", &records, key, Denial::Nsec))
}

/// A key that signs, and what its DNSKEY record says of it (RFC 4034 §2.1).
#[derive(Debug)]
pub struct Key {
    pair: Ed25519KeyPair,
    /// 256 is the zone key bit, 128 the revoke bit (RFC 5011 §3), 1 the secure entry point.
    pub flags: u16,
    /// 3 in sound keys.
    pub protocol: u8,
    /// 15 in sound keys.
    pub algorithm: u8,
}

impl Key {
    /// The key of this number, always the same one.
    pub fn new(number: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed of 32 octets");
        Self { pair, flags: 257, protocol: 3, algorithm: ED25519 }
    }

    /// Its DNSKEY record.
    pub fn dnskey(&self, zone: &str) -> Record {
        Record::new(zone, 300, raw(kind::DNSKEY, |to| to.raw(&self.rdata())))
    }

    /// The DS record that vouches for it (RFC 4034 §5.1.4).
    pub fn ds(&self, zone: &str) -> Record {
        let mut subject = Octets::default();
        subject.name(zone);
        subject.raw(&self.rdata());
        let digest = digest::digest(&digest::SHA256, &subject.into_vec());
        let data = raw(kind::DS, |to| {
            to.u16(self.tag());
            to.raw(&[self.algorithm, SHA256]);
            to.raw(digest.as_ref());
        });
        Record::new(zone, 300, data)
    }

    /// RFC 4034 appendix B.
    pub fn tag(&self) -> u16 {
        let sum: u32 = self.rdata().chunks(2).map(word).sum();
        let folded = sum + (sum >> 16);
        u16::try_from(folded & 0xFFFF).expect("16 bits")
    }

    fn rdata(&self) -> Vec<u8> {
        let mut to = Octets::default();
        to.u16(self.flags);
        to.raw(&[self.protocol, self.algorithm]);
        to.raw(self.pair.public_key().as_ref());
        to.into_vec()
    }
}

fn word(octets: &[u8]) -> u32 {
    let low = octets.get(1).copied().unwrap_or(0);
    u32::from(octets[0]) << 8 | u32::from(low)
}

/// What a signature says of itself (RFC 4034 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields of the RFC
pub struct Signature {
    pub covers: u16,
    pub algorithm: u8,
    pub labels: u8,
    pub ttl: u32,
    pub expiration: u32,
    pub inception: u32,
    pub tag: u16,
    pub signer: String,
}

impl Signature {
    /// What a sound signature over this set says.
    pub fn over(set: &[Record], zone: &str, key: &Key) -> Self {
        let (inception, expiration) = VALID;
        let owner = set[0].owner.trim_start_matches("*.");
        Self {
            covers: set[0].data.kind(),
            algorithm: key.algorithm,
            labels: u8::try_from(labels(owner).count()).expect("a name has at most 127 labels"),
            ttl: set[0].ttl,
            expiration,
            inception,
            tag: key.tag(),
            signer: zone.into(),
        }
    }

    /// The RRSIG record over the set, whatever it says (RFC 4034 §3.1.8.1).
    pub fn by(&self, key: &Key, set: &[Record]) -> Record {
        let mut subject = self.clone().rdata();
        let ttl = self.ttl;
        let mut records: Vec<Record> =
            set.iter().map(|record| Record { ttl, ..record.clone() }).collect();
        // RFC 4034 §6.3: in the order of their data.
        records.sort_by_key(|record| written(|to| record.data.write(to)));
        for record in &records {
            record.write(&mut subject);
        }
        let signature = key.pair.sign(&subject.into_vec());
        let mut rdata = self.clone().rdata();
        rdata.raw(signature.as_ref());
        let data = Data::Raw { kind: kind::RRSIG, octets: rdata.into_vec() };
        Record::new(&set[0].owner, set[0].ttl, data)
    }

    fn rdata(self) -> Octets {
        let mut to = Octets::default();
        to.u16(self.covers);
        to.raw(&[self.algorithm, self.labels]);
        for number in [self.ttl, self.expiration, self.inception] {
            to.u32(number);
        }
        to.u16(self.tag);
        to.name(&self.signer);
        to
    }
}

/// How a zone proves what it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// By names (RFC 4034 §4).
    Nsec,
    /// By hashes of names (RFC 5155).
    Nsec3(Nsec3),
}

/// RFC 5155 §3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields of the RFC
pub struct Nsec3 {
    pub flags: u8,
    pub iterations: u16,
}

/// The zone at `apex` with its key, its proofs of absence, and a signature over each set.
///
/// Owners must be in lower case, and whatever stands below a delegation is somebody else's.
pub fn sign(apex: &str, records: &[Record], key: &Key, denial: Denial) -> Vec<Record> {
    let mut all: Vec<Record> = records.to_vec();
    all.push(key.dnskey(apex));
    match denial {
        Denial::Nsec => all.extend(nsec_chain(&all, apex)),
        Denial::Nsec3(how) => {
            all.push(Record::new(apex, 0, raw(kind::NSEC3PARAM, |to| how.write(0, to))));
            all.extend(nsec3_chain(&all, apex, how));
        }
    }
    let signed = sets(&all).into_iter().filter(|set| is_signed(set, apex));
    let signatures: Vec<Record> =
        signed.map(|set| Signature::over(&set, apex, key).by(key, &set)).collect();
    all.extend(signatures);
    all
}

/// The type a record's signature covers; `None` if it is no signature.
pub fn covers(record: &Record) -> Option<u16> {
    match &record.data {
        Data::Raw { kind: kind::RRSIG, octets } => {
            Some(u16::from_be_bytes(*octets.first_chunk().expect("an RRSIG starts with a type")))
        }
        _ => None,
    }
}

/// RFC 5155 §5, as the label it is the owner of.
pub fn nsec3_label(name: &str, how: Nsec3) -> String {
    base32hex(&nsec3_hash(name, how))
}

/// Records of one owner and type.
fn sets(records: &[Record]) -> Vec<Vec<Record>> {
    let mut sets: BTreeMap<(&str, u16), Vec<Record>> = BTreeMap::new();
    for record in records {
        sets.entry((&record.owner, record.data.kind())).or_default().push(record.clone());
    }
    sets.into_values().collect()
}

/// RFC 4035 §2.2: a delegation's NS set is the child's to sign.
fn is_signed(set: &[Record], apex: &str) -> bool {
    !(set[0].is(kind::NS) && set[0].owner != apex)
}

/// RFC 4034 §4: each name tells the next one in canonical order.
fn nsec_chain(records: &[Record], apex: &str) -> Vec<Record> {
    let mut names: Vec<&str> = records.iter().map(|record| &*record.owner).collect();
    names.sort_by_key(|name| labels(name).rev().map(str::to_owned).collect::<Vec<_>>());
    names.dedup();
    let next = names.iter().cycle().skip(1);
    let chain = names.iter().zip(next).map(|(name, next)| {
        let data = raw(kind::NSEC, |to| {
            to.name(next);
            to.raw(&bitmap(
                types_at(records, name, apex).into_iter().chain([kind::RRSIG, kind::NSEC]),
            ));
        });
        Record::new(*name, 300, data)
    });
    chain.collect()
}

/// RFC 5155 §7.1: the same by hashes, empty non-terminals included.
fn nsec3_chain(records: &[Record], apex: &str, how: Nsec3) -> Vec<Record> {
    let names: BTreeSet<&str> =
        records.iter().flat_map(|record| up_to(&record.owner, apex)).collect();
    let hashes: BTreeMap<[u8; 20], &str> =
        names.into_iter().map(|name| (nsec3_hash(name, how), name)).collect();
    let next = hashes.keys().cycle().skip(1);
    let chain = hashes.iter().zip(next).map(|((hash, name), next)| {
        let data = raw(kind::NSEC3, |to| {
            how.write(how.flags, to);
            to.string(next);
            to.raw(&bitmap(types_at(records, name, apex)));
        });
        let label = base32hex(hash);
        Record::new(
            if apex == "." { format!("{label}.") } else { format!("{label}.{apex}") },
            300,
            data,
        )
    });
    chain.collect()
}

/// The name and those above it, down from the apex.
fn up_to<'n>(name: &'n str, apex: &'n str) -> impl Iterator<Item = &'n str> {
    let above = |name: &&'n str| name.split_once('.').map(|(_, rest)| rest);
    let below_apex = move |name: &&str| *name != apex && !name.is_empty();
    std::iter::successors(Some(name), above).take_while(below_apex).chain([apex])
}

impl Nsec3 {
    /// SHA-1 without salt.
    fn write(self, flags: u8, to: &mut Octets) {
        to.raw(&[1, flags]);
        to.u16(self.iterations);
        to.string(&[]);
    }
}

fn nsec3_hash(name: &str, how: Nsec3) -> [u8; 20] {
    let first = written(|to| to.name(name));
    let hash = |octets: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
    let last = (0..how.iterations).fold(hash(&first), |earlier, _| hash(earlier.as_ref()));
    last.as_ref().try_into().expect("SHA-1 has 20 octets")
}

/// RFC 4648 §7, lower case: 20 octets are 32 letters.
fn base32hex(octets: &[u8]) -> String {
    let letters = b"0123456789abcdefghijklmnopqrstuv";
    let letter = |group: &[u8], at: usize| {
        let bits = group.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        char::from(letters[usize::try_from(bits >> (35 - 5 * at) & 31).expect("5 bits")])
    };
    octets.chunks(5).flat_map(|group| (0..8).map(move |at| letter(group, at))).collect()
}

/// The types at a name, RRSIG among them if anything there is signed.
fn types_at(records: &[Record], name: &str, apex: &str) -> BTreeSet<u16> {
    let here = || records.iter().filter(|record| record.owner == name);
    let signed = here().any(|record| is_signed(std::slice::from_ref(record), apex));
    here().map(|record| record.data.kind()).chain(signed.then_some(kind::RRSIG)).collect()
}

/// RFC 4034 §4.1.2, for types below 256.
fn bitmap(types: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut bits = Vec::new();
    for number in types {
        let (octet, bit) = (usize::from(number / 8), number % 8);
        bits.resize(bits.len().max(octet + 1), 0_u8);
        bits[octet] |= 0x80 >> bit;
    }
    match u8::try_from(bits.len()).expect("types below 256") {
        0 => bits,
        length => [vec![0, length], bits].concat(),
    }
}

fn labels(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    name.split('.').filter(|label| !label.is_empty())
}

fn raw(kind: u16, write: impl FnOnce(&mut Octets)) -> Data {
    Data::Raw { kind, octets: written(write) }
}

fn written(write: impl FnOnce(&mut Octets)) -> Vec<u8> {
    let mut to = Octets::default();
    write(&mut to);
    to.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn base32hex_as_in_the_rfc() {
        assert_eq!(base32hex(b"fooba"), "cpnmuoj1");
    }

    /// RFC 4034 §6.1's order of names, and §4.3's bitmap (A, MX, RRSIG, NSEC without TYPE1234).
    #[test]
    fn nsec_as_in_the_rfc() {
        assert_eq!(bitmap([1, 15, 46, 47]), [0, 6, 0x40, 1, 0, 0, 0, 3]);
        let at = |owner: &str| Record::new(owner, 1, Data::Txt(vec![]));
        let names =
            ["example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "*.z.example."];
        let chain = nsec_chain(&names.map(at), "example.");
        let owners: Vec<&str> = chain.iter().map(|record| &*record.owner).collect();
        assert_eq!(owners, names);
    }
}
