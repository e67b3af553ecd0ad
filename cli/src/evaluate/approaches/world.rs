//! The world in which all approaches are measured: networks, their users, and where they are.
//!
//! Addresses are of this machine's loopback, 127.0.0.0/8, so that each user has one of its own from
//! which it really sends, and a tracker sees it as it would see a public one.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net};

use super::super::mixed;

/// The most regions: as many second octets there is room for.
pub(super) const MOST_REGIONS: u8 = 16;

/// Second octets of addresses; servers are hosts of their own.
pub(super) const SERVERS: u8 = 8;
const REGIONS: u8 = 16;
const INNER: u8 = 32;
const SHARED: u8 = 48;
const QUIET: u8 = 50;
const ATTACKER: u8 = 52;
const NETWORKS: u8 = 64;

/// The addresses that the users of the carrier-grade NAT share: in each of these /24 so many.
const SHARED_BLOCKS: u8 = 4;
const SHARED_IN_EACH: u8 = 4;
/// Beyond the well-known ports each region has a part of the ports of each address, and each user a
/// block of them (deterministic NAT, RFC 7422).
const FIRST_PORT: u16 = 1_024;
const BLOCK: u16 = 64;
/// Where users without a NAT announce from.
const PORT: u16 = 6_881;

/// Of 100 users, how many are where; the others are in networks of their own.
const BEHIND_NAT: u64 = 40;
const IN_REGIONS: u64 = 10;
const IN_QUIET: u64 = 10;

/// Peers of each network that the tracker knows from the start, and of the NAT's pool.
const MEMBERS: u8 = 80;
const MEMBERS_OF_POOL: u16 = 200;

/// How large the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Access networks that publish.
    pub(super) networks: u8,
    /// Regions of the network with the carrier-grade NAT, each with a server of its own.
    pub(super) regions: u8,
}

/// A part of the world that an ALTO server of its own speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Home {
    /// An access network.
    Network(u8),
    /// A region of the network with the NAT; some of its users have public addresses.
    Region(u8),
    /// The network that publishes nothing: its users find its server, others don't.
    Quiet,
}

/// What a user does of its own accord, in the approaches where it has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Says what is true.
    Honest,
    /// Says what serves an attacker.
    Lies,
    /// Says nothing: its program is older.
    Silent,
}

/// A user who announces.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) home: Home,
    pub(super) conduct: Conduct,
    /// Its address as others see it.
    pub(super) outer: Ipv4Addr,
    /// The ports that its packets may come from, there.
    pub(super) ports: RangeInclusive<u16>,
    /// Its address within its network: another one behind the NAT only.
    pub(super) inner: Ipv4Addr,
    /// Whether a liar shares its address or /24.
    pub(super) is_near_liar: bool,
}

impl Size {
    /// All who have a server, in the order of their servers.
    pub(super) fn homes(self) -> Vec<Home> {
        let networks = (0..self.networks).map(Home::Network);
        networks.chain((0..self.regions).map(Home::Region)).chain([Home::Quiet]).collect()
    }

    /// The ports of each shared address that belong to a region, first and last.
    pub(super) fn ports_of(self, region: u8) -> (u16, u16) {
        let part = self.ports_of_each();
        let low = FIRST_PORT + u16::from(region) * part;
        (low, low + part - 1)
    }

    fn ports_of_each(self) -> u16 {
        (u16::MAX - FIRST_PORT) / u16::from(self.regions) / BLOCK * BLOCK
    }

    /// So many users; the same ones for the same seed. `liars` and `silent` are how many in a thousand.
    pub(super) fn users(self, count: usize, seed: u64, liars: u64, silent: u64) -> Vec<User> {
        let mut places = Places::default();
        let mut users: Vec<User> = (0..count as u64)
            .map(|n| {
                let draw = |what: u64| mixed(seed, 8 * n + what);
                let conduct = match draw(0) % 1_000 {
                    thousandth if thousandth < liars => Conduct::Lies,
                    thousandth if thousandth < liars + silent => Conduct::Silent,
                    _ => Conduct::Honest,
                };
                places.settle(self, draw(1) % 100, draw(2), conduct)
            })
            .collect();
        let blocks: HashSet<[u8; 3]> = users
            .iter()
            .filter(|user| user.conduct == Conduct::Lies)
            .map(|user| block(user.outer))
            .collect();
        for user in &mut users {
            user.is_near_liar =
                user.conduct != Conduct::Lies && blocks.contains(&block(user.outer));
        }
        users
    }

    /// The share of best peers that lists drawn at random have, whoever asks.
    pub(super) fn best_at_random(self) -> f64 {
        super::ratio(MEMBERS.into(), self.members().len() as u64)
    }

    /// The peers that the tracker knows from the start; whom to return is chosen among them.
    pub(super) fn members(self) -> Vec<(Ipv4Addr, u16)> {
        let second = self.homes().into_iter().map(Home::second_octet).chain([ATTACKER]);
        let public = second.flat_map(|second| {
            (1..=MEMBERS).map(move |n| (Ipv4Addr::new(127, second, 255, n), PORT))
        });
        let pool = shared_addresses().into_iter().cycle().zip(FIRST_PORT..);
        public.chain(pool.take(MEMBERS_OF_POOL.into())).collect()
    }
}

/// Who has an address already.
#[derive(Default)]
struct Places {
    /// By second octet.
    numbered: HashMap<u8, u16>,
    /// Users of each region at each shared address.
    behind: HashMap<(Ipv4Addr, u8), u16>,
}

impl Places {
    /// A user somewhere: `hundredth` says in what kind of network, `draw` in which.
    fn settle(&mut self, size: Size, hundredth: u64, draw: u64, conduct: Conduct) -> User {
        let pick = |count: u8| u8::try_from(draw % u64::from(count)).unwrap_or(0);
        if hundredth < BEHIND_NAT {
            return self.behind_nat(size, pick(size.regions), draw >> 16, conduct);
        }
        let home = match hundredth - BEHIND_NAT {
            rest if rest < IN_REGIONS => Home::Region(pick(size.regions)),
            rest if rest < IN_REGIONS + IN_QUIET => Home::Quiet,
            _ => Home::Network(pick(size.networks)),
        };
        let address = self.next(home.second_octet());
        User {
            home,
            conduct,
            outer: address,
            ports: PORT..=PORT + 9,
            inner: address,
            is_near_liar: false,
        }
    }

    fn behind_nat(&mut self, size: Size, region: u8, draw: u64, conduct: Conduct) -> User {
        let addresses = shared_addresses();
        let outer = addresses[usize::try_from(draw % addresses.len() as u64).unwrap_or(0)];
        let (low, high) = size.ports_of(region);
        let place = self.behind.entry((outer, region)).or_default();
        // Where a region has more users than blocks, they take turns.
        let first = low + *place % ((high - low + 1) / BLOCK) * BLOCK;
        *place = place.wrapping_add(1);
        let inner = self.next(INNER + region);
        let ports = first..=first + BLOCK - 1;
        User { home: Home::Region(region), conduct, outer, ports, inner, is_near_liar: false }
    }

    /// The next address below 127.`second`.
    fn next(&mut self, second: u8) -> Ipv4Addr {
        let taken = self.numbered.entry(second).or_default();
        let [third, fourth] = [*taken / 250, *taken % 250 + 1].map(|octet| octet.to_be_bytes()[1]);
        *taken = taken.wrapping_add(1);
        Ipv4Addr::new(127, second, third, fourth)
    }
}

fn block(address: Ipv4Addr) -> [u8; 3] {
    let [a, b, c, _] = address.octets();
    [a, b, c]
}

impl User {
    /// Whether it shares its address with others.
    pub(super) fn is_behind_nat(&self) -> bool {
        self.outer != self.inner
    }
}

impl Home {
    fn second_octet(self) -> u8 {
        match self {
            Self::Network(network) => NETWORKS + network,
            Self::Region(region) => REGIONS + region,
            Self::Quiet => QUIET,
        }
    }

    /// Its public addresses: the peers that are best for its users.
    pub(super) fn net(self) -> IpNet {
        wide(self.second_octet())
    }

    /// Where its users behind the NAT are for itself.
    pub(super) fn inner(self) -> Option<IpNet> {
        match self {
            Self::Region(region) => Some(wide(INNER + region)),
            _ => None,
        }
    }

    /// Its PID in all network maps.
    pub(super) fn pid(self) -> String {
        match self {
            Self::Network(network) => format!("network{network}"),
            Self::Region(region) => format!("region{region}"),
            Self::Quiet => "quiet".into(),
        }
    }

    /// Its access domain (RFC 5986), as DHCP would tell its users.
    pub(super) fn domain(self) -> String {
        format!("access.{}.example.", self.pid())
    }

    /// What its users pay to reach another one's peers.
    pub(super) fn cost(self, other: Self) -> u32 {
        match (self, other) {
            _ if self == other => 1,
            (Self::Region(own), Self::Region(other)) => 4 + u32::from(own.abs_diff(other)),
            (Self::Network(own), Self::Network(other)) => 20 + u32::from(own.abs_diff(other)),
            _ => 80,
        }
    }
}

/// A /16.
fn wide(second: u8) -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::new(127, second, 0, 0), 16).into()
}

/// All addresses that users behind the NAT are seen at.
pub(super) fn shared() -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::new(127, SHARED, 0, 0), 22).into()
}

/// The addresses that are in use there.
pub(super) fn shared_addresses() -> Vec<Ipv4Addr> {
    let fourth = |third| (1..=SHARED_IN_EACH).map(move |n| Ipv4Addr::new(127, SHARED, third, n));
    (0..SHARED_BLOCKS).flat_map(fourth).collect()
}

/// The block that a port belongs to.
pub(super) fn block_of(port: u16) -> u64 {
    (port.saturating_sub(FIRST_PORT) / BLOCK).into()
}

/// The peers that liars want everybody to connect to.
pub(super) fn attackers() -> IpNet {
    wide(ATTACKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { networks: 5, regions: 8 };

    /// Nobody has another one's address and ports, within the NAT nor outside.
    #[test]
    fn users_have_places_of_their_own() {
        let users = SIZE.users(10_000, 1, 50, 100);
        let outer: HashSet<_> =
            users.iter().map(|user| (user.outer, *user.ports.start())).collect();
        let inner: HashSet<_> = users.iter().map(|user| user.inner).collect();
        assert_eq!((outer.len(), inner.len()), (users.len(), users.len()));
    }

    /// What a port says of a user's region is true, and an address says nothing.
    #[test]
    fn ports_tell_regions() {
        let users = SIZE.users(5_000, 7, 0, 0);
        let mut regions_at = HashMap::<_, HashSet<_>>::new();
        for user in users.iter().filter(|user| user.is_behind_nat()) {
            let Home::Region(region) = user.home else { panic!("{user:?}") };
            let (low, high) = SIZE.ports_of(region);
            assert!((low..=high).contains(user.ports.start()) && *user.ports.end() <= high);
            assert!(shared().contains(&std::net::IpAddr::V4(user.outer)));
            regions_at.entry(user.outer).or_default().insert(region);
        }
        assert!(regions_at.len() == 16 && regions_at.values().all(|regions| regions.len() == 8));
    }

    /// A seed fixes everything, and another one is another world.
    #[test]
    fn a_seed_fixes_all() {
        let world = |seed| format!("{:?}", SIZE.users(200, seed, 50, 100));
        assert_eq!(world(3), world(3));
        assert_ne!(world(3), world(4));
    }
}
