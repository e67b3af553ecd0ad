//! One approach in the world: all users announce, one after the other; then its infrastructure fails.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery::selection::{Record as _, V4Record};
use tokio::time::{Instant, sleep};

use super::approach::{Approach, Sends};
use super::books::{Account, Books, Shared};
use super::peer::{self, Say, Socket, Wire};
use super::servers::{ACCESS, NAME_SERVER, REDIRECTOR, Servers};
use super::tracker::{Handled, Tracker};
use super::world::{Conduct, Home, Size, User};
use crate::Failure;

/// One in so many announces by HTTP, the others by UDP.
const BY_HTTP: usize = 10;
/// Users of each kind who announce while infrastructure is down: of all users one in so many, at least
/// and at most.
const DURING_OUTAGE: (usize, RangeInclusive<usize>) = (4, 10..=100);
/// Users who have not announced before the outage: those above, and who tries until it works again.
pub(super) const SPARE: usize = 1_000;
/// How long it may take to recover, and how often that is tried.
const RECOVERY: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_millis(50);

/// What a trial is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) size: Size,
    pub(super) users: &'a [User],
    /// Those who come later.
    pub(super) spare: &'a [User],
    /// Servers that are missing.
    pub(super) without: &'a BTreeSet<String>,
    /// Whether to look at an outage.
    pub(super) outage: bool,
}

/// Hits of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) hits: usize,
    pub(super) all: usize,
}

impl Share {
    fn add(&mut self, is_hit: bool) {
        self.hits += usize::from(is_hit);
        self.all += 1;
    }

    /// 0 to 1; 0 of nothing.
    pub(super) fn ratio(self) -> f64 {
        super::ratio(self.hits as u64, self.all as u64)
    }
}

/// How many were guided rightly: by costs that put first whom their own network puts first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) all: Share,
    pub(super) behind_nat: Share,
    /// Of those who share an address or a /24 with a liar, and don't lie themselves.
    pub(super) victims: Share,
    /// Of those who lie.
    pub(super) liars: Share,
    /// Of those who tell the truth, where they are asked to tell anything.
    pub(super) honest: Share,
    /// Of the network that publishes nothing.
    pub(super) quiet: Share,
    /// Guided by whatever, rightly or not.
    pub(super) guided: Share,
    /// Peers in replies that the user's own network calls best.
    pub(super) good: Share,
}

/// What became of an outage.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    /// What was stopped.
    pub(super) stopped: String,
    /// Of those who had announced before.
    pub(super) known: Right,
    /// Of those who had not.
    pub(super) new: Right,
    /// Of those who came to a tracker that was started meanwhile.
    pub(super) cold: Right,
    /// The mean time from an announce to its reply.
    pub(super) reply: Duration,
    /// From the restart to the first user of that tracker who was guided rightly; `None` if it took
    /// too long.
    pub(super) recovery: Option<Duration>,
}

/// What became of an approach.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) approach: Approach,
    pub(super) toml: String,
    pub(super) announces: usize,
    pub(super) right: Right,
    pub(super) account: Account,
    pub(super) outage: Option<Outage>,
    pub(super) elapsed: Duration,
}

/// Everything that runs.
struct Stage {
    approach: Approach,
    servers: Servers,
    tracker: Tracker,
    books: Shared,
}

/// Lets all users announce once.
pub(super) async fn run(approach: Approach, plan: &Plan<'_>) -> Result<Trial, Failure> {
    let began = Instant::now();
    let books = Arc::new(Books::default());
    let redirects = approach.uses("redirect");
    let servers = Servers::start(plan.size, redirects, plan.without, &books).await?;
    let (tracker, toml) = start_tracker(approach, plan, &servers, &books).await?;
    let mut stage = Stage { approach, servers, tracker, books };
    let (mut right, mut said) = (Right::default(), Vec::new());
    for (number, user) in plan.users.iter().enumerate() {
        said.push(stage.announce(number, user, None, &mut right).await?);
    }
    let account = stage.books.account();
    let outage = if plan.outage { stage.outage(plan, &said).await? } else { None };
    let (announces, elapsed) = (plan.users.len(), began.elapsed());
    Ok(Trial { approach, toml, announces, right, account, outage, elapsed })
}

/// A tracker that has learnt nothing yet, and its configuration.
async fn start_tracker(
    approach: Approach,
    plan: &Plan<'_>,
    servers: &Servers,
    books: &Shared,
) -> Result<(Tracker, String), Failure> {
    let resolver = servers.resolver().to_string();
    let authority = servers.authority().file().display().to_string();
    let toml = approach.toml(&resolver, &servers.directory(REDIRECTOR), &authority);
    let tracker = Tracker::start(&toml, &plan.size.members(), approach.by_port, books).await?;
    Ok((tracker, toml))
}

impl Stage {
    /// A user announces, and says what it did before, or what it finds out now.
    async fn announce(
        &mut self,
        number: usize,
        user: &User,
        remembered: Option<&Say>,
        right: &mut Right,
    ) -> Result<Say, Failure> {
        let wire = if number % BY_HTTP == BY_HTTP - 1 { Wire::Http } else { Wire::Udp };
        let socket = Socket::bind(user).await?;
        self.books.open(user, socket.port, &self.servers.directory(user.home));
        let say = match remembered {
            Some(say) => say.clone(),
            None => peer::prepare(user, self.approach.sends, wire, &self.servers).await,
        };
        let records = peer::announce(user, socket, wire, &say, &self.tracker).await?;
        self.books.close();
        let handled = self.tracker.handled().await;
        right.note(user, self.approach.sends, handled, &records);
        Ok(say)
    }

    /// Stops what the approach stands on, lets users announce, and starts it again; nothing if that is
    /// missing anyway.
    async fn outage(&mut self, plan: &Plan<'_>, said: &[Say]) -> Result<Option<Outage>, Failure> {
        let stopped = match self.approach.backends {
            ["dns"] => NAME_SERVER.into(),
            ["redirect"] => REDIRECTOR.pid(),
            _ => ACCESS.into(),
        };
        if plan.without.contains(&stopped) {
            return Ok(None);
        }
        self.servers.stop(&stopped).await?;
        let (one_in, bounds) = DURING_OUTAGE;
        let some = (plan.users.len() / one_in).clamp(*bounds.start(), *bounds.end());
        let mut rights = [Right::default(); 3];
        let [known, new, cold] = &mut rights;
        let began = Instant::now();
        let before = plan.users.iter().zip(said).enumerate().take(some);
        for (number, (user, say)) in before {
            self.announce(number, user, Some(say), known).await?;
        }
        let mut later = plan.spare.iter();
        for (number, user) in later.by_ref().take(some).enumerate() {
            self.announce(number, user, None, new).await?;
        }
        let count = u32::try_from(known.all.all + new.all.all).unwrap_or(u32::MAX);
        let reply = began.elapsed() / count.max(1);
        self.tracker = start_tracker(self.approach, plan, &self.servers, &self.books).await?.0;
        for (number, user) in later.by_ref().take(some).enumerate() {
            self.announce(number, user, None, cold).await?;
        }
        self.servers.restart(&stopped).await?;
        let recovery = self.recovery(later.as_slice()).await?;
        let [known, new, cold] = rights;
        Ok(Some(Outage { stopped, known, new, cold, reply, recovery }))
    }

    /// Lets honest users of networks that publish announce until one is guided rightly.
    async fn recovery(&mut self, users: &[User]) -> Result<Option<Duration>, Failure> {
        let began = Instant::now();
        let is_fit = |user: &&User| user.conduct == Conduct::Honest && user.home != Home::Quiet;
        // By address only the front region's users can be guided rightly behind the NAT.
        for user in users.iter().filter(is_fit).filter(|user| !user.is_behind_nat()) {
            let mut right = Right::default();
            self.announce(0, user, None, &mut right).await?;
            if right.all.hits > 0 {
                return Ok(Some(began.elapsed()));
            }
            if began.elapsed() > RECOVERY {
                break;
            }
            sleep(TRY).await;
        }
        Ok(None)
    }
}

impl Right {
    fn note(&mut self, user: &User, sends: Sends, handled: Option<Handled>, records: &[V4Record]) {
        let own = user.home.net();
        let is_own = |address: Ipv4Addr| own.contains(&IpAddr::V4(address));
        let guided = handled.map_or(0, |handled| handled.guided);
        let nearest = handled.and_then(|handled| handled.nearest);
        let is_right = guided > 0 && nearest.is_some_and(is_own);
        self.all.add(is_right);
        self.guided.add(guided > 0);
        self.good.hits += records.iter().filter(|record| is_own(record.address())).count();
        self.good.all += records.len();
        for (share, belongs) in [
            (&mut self.behind_nat, user.is_behind_nat()),
            (&mut self.victims, user.is_near_liar),
            (&mut self.liars, user.conduct == Conduct::Lies),
            (&mut self.honest, sends == Sends::Nothing || user.conduct == Conduct::Honest),
            (&mut self.quiet, user.home == Home::Quiet),
        ] {
            if belongs {
                share.add(is_right);
            }
        }
    }
}
