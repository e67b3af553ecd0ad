//! From directories to the resources that are needed. Pure.

use alto_discovery_core::{Policy, resolve_uri};
use alto_fetch::Fault as FetchFault;
use alto_messages::{CostMetric, CostMode, CostType, Directory, Resource, ResourceId, Service};
use url::Url;

use crate::config::EcsUse;
use crate::error::{Error, Fault, Warning};
use crate::site::Site;

/// The resources of a server that are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The network map to go by.
    pub(crate) network: Option<Url>,
    /// The cost map of the metric, for that network map.
    pub(crate) cost: Option<Link>,
    /// The endpoint cost service for the metric.
    pub(crate) ecs: Option<Link>,
}

/// Where costs are, and what the directory says they mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) uri: Url,
    pub(crate) cost_type: CostType,
}

/// A directory and where it came from.
pub(crate) type Placed<'d> = (&'d Url, &'d Directory);

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'w> {
    pub(crate) metric: &'w CostMetric,
    pub(crate) ecs: EcsUse,
    pub(crate) way: Way<'w>,
}

/// Where links may lead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'w> {
    pub(crate) site: &'w Site,
    pub(crate) policy: Policy,
}

/// Problems that are told of one kind of links; a directory may have hundreds, and each may be one.
pub(crate) const MOST_PROBLEMS: usize = 8;

/// A plan, and what is to be said of how it came about.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) warnings: Vec<Warning>,
    /// Why parts of what is offered cannot be used.
    pub(crate) problems: Vec<Error>,
}

impl Planned {
    /// What these directories, the root first, have of what is wanted. Of several resources that would
    /// do it is the first whose link may be followed.
    pub(crate) fn new(directories: &[Placed<'_>], wanted: Wanted<'_>) -> Self {
        let mut planned = Self::default();
        if let Some((id, network)) = planned.network_map(directories, wanted.way) {
            planned.plan.network = Some(network);
            planned.plan.cost =
                planned.usable(costs(directories, Service::CostMap, wanted, Some(id)));
        }
        if wanted.ecs != EcsUse::Off {
            planned.plan.ecs =
                planned.usable(costs(directories, Service::EndpointCost, wanted, None));
        }
        planned
    }

    /// The network map to go by: the root directory names it, and may leave it to a further one to
    /// say where it is.
    fn network_map<'d>(
        &mut self,
        directories: &[Placed<'d>],
        way: Way<'_>,
    ) -> Option<(&'d ResourceId, Url)> {
        let (base, root) = directories.first()?;
        let found = root.network_map().map_err(|fault| Error::new(base, fault));
        let (id, warning) = self.usable([found])?;
        self.warnings.extend(warning.map(|warning| Warning::new(base, &warning)));
        let mut places = directories
            .iter()
            .filter_map(|(base, directory)| {
                let resource = directory.resources.get(id)?;
                let is_map = resource.service() == Some(Service::NetworkMap);
                is_map.then(|| way.to(base, resource))
            })
            .peekable();
        if places.peek().is_none() {
            self.problems.push(Error::new(base, Fault::NoNetworkMap(id.clone())));
        }
        Some((id, self.usable(places)?))
    }

    /// The first that is no problem; those before it are.
    fn usable<T>(&mut self, found: impl IntoIterator<Item = Result<T, Error>>) -> Option<T> {
        let mut told = 0;
        for found in found {
            match found {
                Ok(usable) => return Some(usable),
                Err(problem) if told < MOST_PROBLEMS => {
                    told += 1;
                    self.problems.push(problem);
                }
                Err(_) => {}
            }
        }
        None
    }
}

impl Plan {
    /// Whether further directories could add nothing.
    pub(crate) fn is_complete(&self, wanted: Wanted<'_>) -> bool {
        self.cost.is_some() && (self.ecs.is_some() || wanted.ecs == EcsUse::Off)
    }

    /// Whether it leads to any costs.
    pub(crate) fn has_costs(&self) -> bool {
        self.cost.is_some() || self.ecs.is_some()
    }
}

/// The directories that a directory links to (RFC 7285 §9.2.4).
pub(crate) fn further<'d>(
    (base, directory): Placed<'d>,
    way: Way<'d>,
) -> impl Iterator<Item = Result<Url, Error>> + 'd {
    directory.offering(Service::Directory).map(move |(_, resource)| way.to(base, resource))
}

/// What costs these directories offer, for people.
pub(crate) fn offered(directories: &[Placed<'_>]) -> Vec<CostType> {
    const MOST: usize = 16;
    let mut offered: Vec<CostType> = Vec::new();
    for cost_type in directories.iter().flat_map(|(_, directory)| directory.cost_types.values()) {
        if offered.len() < MOST && !offered.contains(cost_type) {
            offered.push(cost_type.clone());
        }
    }
    offered
}

/// Where the costs of a metric are: numerical ones if there are any, otherwise ordinal ones (RFC
/// 7285 §6.1.2), in a mode that can be read (RFC 9274).
fn costs<'d>(
    directories: &'d [Placed<'d>],
    service: Service,
    wanted: Wanted<'d>,
    uses: Option<&'d ResourceId>,
) -> impl Iterator<Item = Result<Link, Error>> + 'd {
    let belongs = move |resource: &Resource| {
        uses.is_none_or(|id| resource.uses.is_empty() || resource.uses.contains(id))
    };
    [CostMode::Numerical, CostMode::Ordinal].into_iter().flat_map(move |mode| {
        let cost_type = CostType::new(wanted.metric.clone(), mode);
        directories.iter().flat_map(move |(base, directory)| {
            let cost_type = cost_type.clone();
            let offering = directory.offering(service);
            offering.filter(move |(_, resource)| belongs(resource)).filter_map(
                move |(_, resource)| {
                    let is_of_type = directory.cost_types_of(resource).any(|own| *own == cost_type);
                    let link = |uri| Link { uri, cost_type: cost_type.clone() };
                    is_of_type.then(|| wanted.way.to(base, resource).map(link))
                },
            )
        })
    })
}

impl Way<'_> {
    /// Where a resource is: RFC 3986 §5, as strictly as any URI from the network; and no way out of
    /// TLS, nor of the site, nor to where policy forbids to go.
    fn to(self, base: &Url, resource: &Resource) -> Result<Url, Error> {
        let uri = resolve_uri(base, &resource.uri);
        let uri = uri.map_err(|fault| Error::new(base, Fault::Link(fault)))?;
        if base.scheme() == "https" && uri.scheme() != "https" {
            return Err(Error::new(base, Fault::Downgrade(uri.as_str().into())));
        }
        self.site.check(base, &uri)?;
        let allowed = self.policy.check_uri(&uri).map_err(FetchFault::Policy);
        allowed.map_err(|fault| Error::new(&uri, Fault::Fetch(fault)))?;
        Ok(uri)
    }
}
