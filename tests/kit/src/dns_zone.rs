//! A zone in memory: the root zone with a few records, everything else absent.

use std::collections::{BTreeSet, HashMap};

use crate::record::{Data, Record};
use crate::wire::kind;

/// The root zone as a test wants it. Names that are not listed do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    records: Vec<Record>,
    /// Each name that exists, by its [`key`], and which records stand there: none where something
    /// exists below it only (RFC 8020 §2).
    names: HashMap<String, Vec<usize>>,
}

/// The apex every zone gets: real servers refuse a zone without SOA, NS and the address of the
/// name server. Denials live for 300 s.
const APEX: [&str; 3] = [
    ". 300 IN SOA ns.root. hostmaster.root. 1 3600 600 86400 300",
    ". 300 IN NS ns.root.",
    "ns.root. 300 IN A 127.0.0.1",
];

/// What a zone says of a name and a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The CNAME records followed on the way, in order.
    pub aliases: Vec<Record>,
    /// What stands at the end of them.
    pub found: Found,
}

/// What stands at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Records of the type, at least one.
    Records(Vec<Record>),
    /// The name exists, or a name below it, without such records; the SOA dates the denial.
    NoData(Record),
    /// The name does not exist; the SOA dates the denial.
    NxDomain(Record),
    /// The CNAME records lead in a circle.
    Loop,
}

impl Zone {
    /// The zone of these records, below the apex.
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let apex = APEX.iter().map(|line| line.parse().expect("the apex is in order"));
        let records: Vec<Record> = apex.chain(records).collect();
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, record) in records.iter().enumerate() {
            for name in upwards(&record.owner) {
                names.entry(key(name)).or_default();
            }
            names.entry(key(&record.owner)).or_default().push(at);
        }
        Self { records, names }
    }

    /// The zone of these lines of a master file; see [`Record`]'s `FromStr`.
    ///
    /// # Errors
    /// If a line is none.
    pub fn parse<'l>(lines: impl IntoIterator<Item = &'l str>) -> Result<Self, String> {
        let records = lines.into_iter().map(str::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(records))
    }

    /// All it holds, the apex first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The names that hold records, each once.
    pub fn owners(&self) -> Vec<String> {
        let owners: BTreeSet<&String> = self.records.iter().map(|record| &record.owner).collect();
        owners.into_iter().cloned().collect()
    }

    /// What the zone says, CNAME and DNAME followed as a resolver would.
    pub fn lookup(&self, name: &str, wanted: u16) -> Lookup {
        let mut aliases: Vec<Record> = Vec::new();
        let mut name = name.to_owned();
        loop {
            let Some(alias) = self.alias(&name).filter(|_| wanted != kind::CNAME) else {
                return Lookup { aliases, found: self.at(&name, wanted) };
            };
            if aliases.iter().any(|earlier| same(&earlier.owner, &name)) {
                return Lookup { aliases, found: Found::Loop };
            }
            let Data::Cname(target) = &alias.data else { unreachable!("an alias is a CNAME") };
            name.clone_from(target);
            aliases.push(alias);
        }
    }

    /// The CNAME at a name, made up from a DNAME above it if need be (RFC 6672 §3.1).
    fn alias(&self, name: &str) -> Option<Record> {
        let cname = self.of(&self.source(name)).find(|record| record.is(kind::CNAME)).cloned();
        cname.map(|record| Record { owner: name.into(), ..record }).or_else(|| {
            self.records.iter().find_map(|record| {
                let Data::Dname(target) = &record.data else { return None };
                let above = below(name, &record.owner).filter(|labels| !labels.is_empty())?;
                Some(Record::new(name, record.ttl, Data::Cname(format!("{above}{target}"))))
            })
        })
    }

    fn at(&self, name: &str, wanted: u16) -> Found {
        let source = self.source(name);
        let records = self.of(&source).filter(|record| record.is(wanted)).cloned();
        let records: Vec<_> =
            records.map(|record| Record { owner: name.into(), ..record }).collect();
        if !records.is_empty() {
            return Found::Records(records);
        }
        let soa = self.records[0].clone();
        if self.exists(&source) { Found::NoData(soa) } else { Found::NxDomain(soa) }
    }

    fn exists(&self, name: &str) -> bool {
        self.names.contains_key(&key(name))
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.names.get(&key(name)).into_iter().flatten().map(|at| &self.records[*at])
    }

    /// The name whose records answer for this one: itself, or for a name that does not exist the
    /// wildcard below the longest existing name above it, if there is one (RFC 4592 §3.3.1).
    fn source(&self, name: &str) -> String {
        let encloser = upwards(name).skip(1).find(|parent| self.exists(parent)).unwrap_or_default();
        let wildcard = format!("*.{encloser}");
        if !self.exists(name) && self.exists(&wildcard) { wildcard } else { name.into() }
    }
}

/// A name and those above it, up to the root's, which is empty here.
fn upwards(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, up)| up))
}

/// What a name goes by: letters have no case (RFC 4343), and the root's has no dot.
fn key(name: &str) -> String {
    name.trim_start_matches('.').to_ascii_lowercase()
}

/// The labels of `name` below `ancestor`, each with its dot; empty if they are the same name.
fn below<'n>(name: &'n str, ancestor: &str) -> Option<&'n str> {
    let ancestor = ancestor.trim_start_matches('.'); // the root is above everything
    let split = name.len().checked_sub(ancestor.len())?;
    let (labels, rest) = name.split_at_checked(split)?;
    let at_a_dot = labels.is_empty() || labels.ends_with('.');
    (at_a_dot && same(rest, ancestor)).then_some(labels)
}

/// Whether two names are one (RFC 4343: letters have no case).
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ZoneFile;

    fn zone() -> Zone {
        Zone::parse([
            r#"100.51.198.IN-ADDR.ARPA. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" """#,
            "3.100.51.198.in-addr.arpa. 600 CNAME 3.0/26.100.51.198.in-addr.arpa.",
            "3.0/26.100.51.198.in-addr.arpa. 600 PTR host.example.",
            "old.example. 600 DNAME new.example.",
            "a.new.example. 600 TXT \"here\"",
            "l1.example. 600 CNAME l2.example.",
            "l2.example. 600 CNAME L1.example.",
        ])
        .unwrap()
    }

    fn found(name: &str, wanted: u16) -> Found {
        zone().lookup(name, wanted).found
    }

    #[test]
    fn letter_case_does_not_matter() {
        assert!(matches!(found("100.51.198.in-addr.ARPA.", kind::NAPTR), Found::Records(_)));
    }

    /// RFC 8020: only what has nothing below it does not exist.
    #[test]
    fn absence_is_told_apart() {
        for name in [".", "arpa.", "51.198.in-addr.arpa.", "a.new.example."] {
            assert!(matches!(found(name, kind::NAPTR), Found::NoData(_)), "{name}");
        }
        for name in ["net.", "1.198.in-addr.arpa.", "xarpa.", "b.a.new.example."] {
            assert!(matches!(found(name, kind::NAPTR), Found::NxDomain(_)), "{name}");
        }
    }

    #[test]
    fn aliases_are_followed_unless_asked_for() {
        let lookup = zone().lookup("3.100.51.198.in-addr.arpa.", kind::NAPTR);
        assert!(matches!(lookup.found, Found::NoData(_)));
        assert_eq!(lookup.aliases.len(), 1);
        assert!(matches!(found("3.100.51.198.in-addr.arpa.", kind::CNAME), Found::Records(_)));
    }

    #[test]
    fn a_dname_makes_aliases_below_itself_only() {
        let lookup = zone().lookup("a.old.example.", kind::TXT);
        assert_eq!(lookup.aliases[0].to_string(), "a.old.example. 600 IN CNAME a.new.example.");
        assert!(matches!(lookup.found, Found::Records(_)));
        assert!(matches!(found("old.example.", kind::TXT), Found::NoData(_)));
    }

    /// RFC 4592 §2.2.1, in short: a wildcard answers for names that do not exist, many labels long,
    /// not below names that do, be they empty.
    #[test]
    fn wildcards_answer_for_what_does_not_exist() {
        let zone = Zone::parse([
            "*.w.example. 60 TXT \"wild\"",
            "here.w.example. 60 A 127.0.0.1",
            "deep.empty.w.example. 60 A 127.0.0.1",
        ]);
        let zone = zone.unwrap();
        let found = |name| zone.lookup(name, kind::TXT).found;
        for name in ["a.w.example.", "b.a.w.example.", "*.w.example."] {
            let Found::Records(records) = found(name) else { panic!("{name}") };
            assert_eq!(records[0].owner, name);
        }
        for name in ["w.example.", "here.w.example.", "empty.w.example."] {
            assert!(matches!(found(name), Found::NoData(_)), "{name}");
        }
        for name in ["a.here.w.example.", "a.empty.w.example."] {
            assert!(matches!(found(name), Found::NxDomain(_)), "{name}");
        }
        assert!(matches!(zone.lookup("a.w.example.", kind::A).found, Found::NoData(_)));
    }

    #[test]
    fn a_circle_is_found() {
        let lookup = zone().lookup("l1.example.", kind::NAPTR);
        assert_eq!((lookup.aliases.len(), lookup.found), (2, Found::Loop));
    }

    /// What is written is read again, apex and all.
    #[test]
    fn the_master_file_holds_the_zone() {
        let text = ZoneFile::from(&zone()).text;
        let again: Vec<Record> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(again, zone().records);
    }
}
