//! Zones with something wrong in their DNSSEC, and what a validator must make of each.

use alto_testkit::Record;
use alto_testkit::signer::{self, Denial, Key, Nsec3, Signature, covers};
use alto_testkit::wire::kind;

use crate::signed_zones::{A, Signed, naptr, set_uri};
use Shows::{BogusBlock, BogusHost, BogusZone, Insecure, InsecureDenial, Secure, SecureHost};

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

/// One thing wrong in each.
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
