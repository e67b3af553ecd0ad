//! From directories to the resources that are needed. Pure.

use alto_discovery_core::resolve_uri;
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
    pub(crate) site: &'w Site,
}

/// A plan, and what is to be said of how it came about.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) warnings: Vec<Warning>,
    /// Why parts of what is offered cannot be used.
    pub(crate) problems: Vec<Error>,
}

impl Planned {
    /// What these directories, the root first, have of what is wanted.
    pub(crate) fn new(directories: &[Placed<'_>], wanted: Wanted<'_>) -> Self {
        let mut planned = Self::default();
        let network = planned.network_map(directories, wanted.site);
        planned.plan.network = network.as_ref().map(|(_, uri)| uri.clone());
        if let Some((id, _)) = network {
            let cost = costs(directories, Service::CostMap, wanted, Some(id));
            planned.plan.cost = planned.usable(cost);
        }
        if wanted.ecs != EcsUse::Off {
            let ecs = costs(directories, Service::EndpointCost, wanted, None);
            planned.plan.ecs = planned.usable(ecs);
        }
        planned
    }

    /// The network map to go by: the root directory names it, and may leave it to a further one to
    /// say where it is.
    fn network_map<'d>(
        &mut self,
        directories: &[Placed<'d>],
        site: &Site,
    ) -> Option<(&'d ResourceId, Url)> {
        let (base, root) = directories.first()?;
        let found = root.network_map().map_err(|fault| Error::new(base, fault));
        let (id, warning) = self.usable(Some(found))?;
        self.warnings.extend(warning.map(|warning| Warning::new(base, &warning)));
        let place = directories.iter().find_map(|(base, directory)| {
            let resource = directory.resources.get(id)?;
            let is_map = resource.service() == Some(Service::NetworkMap);
            is_map.then(|| resolve(base, resource, site))
        });
        let nowhere = || Err(Error::new(base, Fault::NoNetworkMap(id.clone())));
        Some((id, self.usable(Some(place.unwrap_or_else(nowhere)))?))
    }

    fn usable<T>(&mut self, found: Option<Result<T, Error>>) -> Option<T> {
        found?.map_err(|error| self.problems.push(error)).ok()
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
    site: &'d Site,
) -> impl Iterator<Item = Result<Url, Error>> + 'd {
    directory.offering(Service::Directory).map(move |(_, resource)| resolve(base, resource, site))
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
fn costs(
    directories: &[Placed<'_>],
    service: Service,
    wanted: Wanted<'_>,
    uses: Option<&ResourceId>,
) -> Option<Result<Link, Error>> {
    let belongs = |resource: &Resource| {
        uses.is_none_or(|id| resource.uses.is_empty() || resource.uses.contains(id))
    };
    [CostMode::Numerical, CostMode::Ordinal].into_iter().find_map(|mode| {
        let cost_type = CostType::new(wanted.metric.clone(), mode);
        directories.iter().find_map(|(base, directory)| {
            let (_, resource) = directory.offering(service).find(|(_, resource)| {
                belongs(resource) && directory.cost_types_of(resource).any(|own| *own == cost_type)
            })?;
            let link = |uri| Link { uri, cost_type: cost_type.clone() };
            Some(resolve(base, resource, wanted.site).map(link))
        })
    })
}

/// RFC 3986 §5, as strictly as any URI from the network; and no way out of TLS, nor of the site.
fn resolve(base: &Url, resource: &Resource, site: &Site) -> Result<Url, Error> {
    let uri = resolve_uri(base, &resource.uri);
    let uri = uri.map_err(|fault| Error::new(base, Fault::Link(fault)))?;
    if base.scheme() == "https" && uri.scheme() != "https" {
        return Err(Error::new(base, Fault::Downgrade(uri.as_str().into())));
    }
    site.check(base, &uri)?;
    Ok(uri)
}
