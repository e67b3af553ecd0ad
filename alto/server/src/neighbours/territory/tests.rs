use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A world small enough for prefixes to meet: 16 addresses, 4 ports, 2 tokens, 4 parties.
#[derive(Clone, Debug)]
struct World {
    /// Who is given which prefix.
    whole: Vec<(IpNet, Party)>,
    parts: Vec<(IpNet, Part, Party)>,
    /// Whose map counts where.
    maps: Vec<(IpNet, Party)>,
    /// What each map says: whether a prefix is of an own PID.
    words: Vec<(Party, IpNet, bool)>,
}

impl Words for [(Party, Word)] {
    fn of(&self, party: Party) -> Option<&Word> {
        self.iter().find(|(other, _)| *other == party).map(|(_, word)| word)
    }
}

impl Words for Vec<(Party, Word)> {
    fn of(&self, party: Party) -> Option<&Word> {
        self.as_slice().of(party)
    }
}

fn words_of(said: &[(Party, IpNet, bool)]) -> Vec<(Party, Word)> {
    let mut words: Vec<(Party, Word)> = Vec::new();
    for (party, net, is_own) in said {
        if words.of(*party).is_none() {
            words.push((*party, Word::default()));
        }
        let word = words.iter_mut().find(|(other, _)| other == party).unwrap();
        *word.1.entry(*net) = *is_own;
    }
    words
}

/// The world as a territory; what contradicts what came before is left out, of both.
fn build(world: &World) -> (Territory, World) {
    let mut territory = Territory::default();
    let mut kept = World { words: world.words.clone(), ..empty() };
    for (net, party) in &world.whole {
        if territory.holder(*net).is_none() {
            territory.give(*net, *party).unwrap();
            kept.whole.push((*net, *party));
        }
    }
    for (net, part, party) in &world.parts {
        let is_free = !kept.parts.iter().any(|(other, taken, _)| other == net && meet(taken, part));
        if is_free {
            territory.give_part(*net, part.clone(), *party).unwrap();
            kept.parts.push((*net, part.clone(), *party));
        }
    }
    for (net, party) in &world.maps {
        territory.consult(*net, *party);
        kept.maps.push((*net, *party));
    }
    (territory, kept)
}

fn empty() -> World {
    World { whole: Vec::new(), parts: Vec::new(), maps: Vec::new(), words: Vec::new() }
}

fn meet(one: &Part, other: &Part) -> bool {
    match (one, other) {
        (Part::Ports(one), Part::Ports(other)) => one.clone().any(|port| other.contains(&port)),
        (Part::Token(one), Part::Token(other)) => one == other,
        _ => false,
    }
}

fn holds(part: &Part, id: &EndpointId) -> bool {
    match (part, id) {
        (Part::Ports(range), EndpointId::Port(own)) => range.contains(own),
        (Part::Token(own), EndpointId::Token(token)) => own == token,
        _ => false,
    }
}

/// The rule as the documentation tells it, prefix by prefix: no tables, no order of its own.
fn slow_twin(world: &World, address: IpAddr, id: Option<&EndpointId>) -> Option<Party> {
    for length in (0..=32).rev() {
        let here = |net: &IpNet| net.prefix_len() == length && net.contains(&address);
        let part = world
            .parts
            .iter()
            .find(|(net, part, _)| here(net) && id.is_some_and(|id| holds(part, id)));
        if let Some((.., party)) = part {
            return Some(*party);
        }
        let asked = world.maps.iter().filter(|(net, _)| here(net)).map(|(_, party)| *party);
        let claims: Vec<(u8, Party)> = asked
            .filter_map(|party| {
                let said = world
                    .words
                    .iter()
                    .rev()
                    .filter(|(of, net, _)| *of == party && net.contains(&address));
                // The last word on a prefix counts, as in a table; of prefixes the longest.
                let longest = said.clone().map(|(_, net, _)| net.prefix_len()).max()?;
                let (_, net, own) = said.clone().find(|said| said.1.prefix_len() == longest)?;
                own.then_some((net.prefix_len(), party))
            })
            .collect();
        if let Some(best) = claims.iter().map(|(length, _)| *length).max() {
            let mut first: Vec<_> =
                claims.iter().filter(|claim| claim.0 == best).map(|claim| claim.1).collect();
            first.sort_unstable();
            first.dedup();
            let wins = first[0] == Party::Own || first.len() == 1;
            return wins.then_some(first[0]);
        }
        if let Some((_, party)) = world.whole.iter().find(|(net, _)| here(net)) {
            return Some(*party);
        }
    }
    None
}

fn net() -> impl Strategy<Value = IpNet> {
    (26_u8..=32, 0_u8..16)
        .prop_map(|(length, host)| IpNet::new([192, 0, 2, host].into(), length).unwrap().trunc())
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![Just(Party::Own), (0_usize..3).prop_map(Party::Neighbour)]
}

fn token(number: u8) -> Box<[u8]> {
    [number].into()
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        (1_u16..5, 0_u16..3).prop_map(|(low, more)| Part::Ports(low..=low + more)),
        (0_u8..2).prop_map(|number| Part::Token(token(number))),
    ]
}

fn id() -> impl Strategy<Value = Option<EndpointId>> {
    prop_oneof![
        Just(None),
        (1_u16..8).prop_map(|port| Some(EndpointId::Port(port))),
        (0_u8..3).prop_map(|number| Some(EndpointId::Token(token(number)))),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let whole = vec((net(), party()), 0..6);
    let parts = vec((net(), part(), party()), 0..6);
    let maps = vec((net(), party()), 0..4);
    let words = vec((party(), net(), any::<bool>()), 0..10);
    (whole, parts, maps, words).prop_map(|(whole, parts, maps, words)| World {
        whole,
        parts,
        maps,
        words,
    })
}

proptest! {
    /// The tables say what the rule says, of every address and ID.
    #[test]
    fn as_the_slow_twin_has_it(world in world(), host in 0_u8..16, id in id()) {
        let (territory, world) = build(&world);
        let words = words_of(&world.words);
        let address = [192, 0, 2, host].into();
        let found = territory.responsible(address, id.as_ref(), &words);
        prop_assert_eq!(found, slow_twin(&world, address, id.as_ref()));
        let mapped = std::net::Ipv4Addr::new(192, 0, 2, host).to_ipv6_mapped().into();
        prop_assert_eq!(found, territory.responsible(mapped, id.as_ref(), &words));
    }

    /// A map moves nothing outside of where it is consulted, whatever it says.
    #[test]
    fn maps_do_not_speak_elsewhere(world in world(), host in 0_u8..16, id in id()) {
        let (territory, world) = build(&world);
        let address: IpAddr = [192, 0, 2, host].into();
        let is_consulted = world.maps.iter().any(|(net, _)| net.contains(&address));
        if !is_consulted {
            let with = territory.responsible(address, id.as_ref(), &words_of(&world.words));
            prop_assert_eq!(with, territory.responsible(address, id.as_ref(), &words_of(&[])));
        }
    }

    /// Ports and tokens of one prefix have one holder each: what overlaps is refused, all else not.
    #[test]
    fn parts_have_one_holder(parts in vec((part(), party()), 0..12)) {
        let mut given: Vec<(Part, Party)> = Vec::new();
        let mut all = Parts::default();
        for (part, party) in parts {
            let taken = given.iter().any(|(other, _)| meet(other, &part));
            prop_assert_eq!(all.clone().give(part.clone(), party).is_err(), taken);
            if taken {
                let before = format!("{all:?}");
                let _ = all.give(part, party);
                prop_assert_eq!(before, format!("{all:?}"), "nothing is changed");
            } else {
                all.give(part.clone(), party).unwrap();
                given.push((part, party));
            }
        }
    }
}

fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The examples of the documentation: the longest prefix, then IDs, then maps, then the whole.
#[test]
fn the_longest_prefix_decides() {
    let mut territory = Territory::default();
    let [own, b, c] = [Party::Own, Party::Neighbour(0), Party::Neighbour(1)];
    territory.give(prefix("198.51.0.0/16"), b).unwrap();
    territory.give(prefix("198.51.100.0/24"), own).unwrap();
    territory.give_part(prefix("198.51.100.7/32"), Part::Ports(1024..=2047), c).unwrap();
    let none = words_of(&[]);
    let port = EndpointId::Port;
    for (address, id, party) in [
        ("198.51.1.1", None, Some(b)),
        ("198.51.100.1", None, Some(own)),
        ("198.51.100.7", None, Some(own)),
        ("198.51.100.7", Some(port(1024)), Some(c)),
        ("198.51.100.7", Some(port(2047)), Some(c)),
        ("198.51.100.7", Some(port(2048)), Some(own)),
        ("198.51.100.8", Some(port(1024)), Some(own)),
        ("203.0.113.1", None, None),
        ("2001:db8::1", None, None),
    ] {
        let found = territory.responsible(address.parse().unwrap(), id.as_ref(), &none);
        assert_eq!(found, party, "{address} {id:?}");
    }
    assert_eq!(territory.give(prefix("198.51.0.0/16"), c), Err(Taken(b)));
}

/// Two neighbours whose maps have the same prefix for themselves: neither is named. Our own map's
/// word is the operator's.
#[test]
fn a_dispute_is_not_decided() {
    let mut territory = Territory::default();
    let [own, b, c] = [Party::Own, Party::Neighbour(0), Party::Neighbour(1)];
    let net = prefix("198.51.100.0/24");
    territory.give(prefix("198.51.0.0/16"), own).unwrap();
    territory.consult(net, b);
    territory.consult(net, c);
    let at = |words: &[(Party, IpNet, bool)], territory: &Territory| {
        territory.responsible([198, 51, 100, 1].into(), None, &words_of(words))
    };
    let disputed = [(b, net, true), (c, net, true)];
    assert_eq!(at(&disputed, &territory), None);
    assert_eq!(at(&[(b, net, true), (c, net, false)], &territory), Some(b));
    assert_eq!(at(&[(b, net, true), (c, prefix("198.51.100.0/25"), true)], &territory), Some(c));
    assert_eq!(at(&[], &territory), Some(own), "nobody's map is known");
    territory.consult(net, own);
    assert_eq!(at(&[&disputed[..], &[(own, net, true)]].concat(), &territory), Some(own));
}

/// Tokens are never shown, however they are looked at.
#[test]
fn tokens_are_not_shown() {
    let mut territory = Territory::default();
    let part = Part::Token(b"secret".as_slice().into());
    let shown = format!("{part:?}");
    territory.give_part(prefix("192.0.2.1/32"), part, Party::Own).unwrap();
    let both = format!("{shown} {territory:?}");
    let bytes = format!("{:?}", b"secret").replace(['[', ']'], "");
    assert!(!both.contains("secret") && !both.contains(&bytes), "{both}");
    assert!(both.contains("6 octets") && both.contains("1 tokens"), "{both}");
}
