//! What is offered, and where: the directory (RFC 7285 §9).

use std::collections::BTreeMap;

use alto_messages::{
    Capabilities, CostMap, Directory, MediaType, NameFault, PropertyName, RESPONSIBLE_DIRECTORY,
    Resource, ResourceId,
};

use crate::answer::Target;
use crate::maps::Maps;

/// Where the directory is.
pub(crate) const DIRECTORY: &str = "/directory";

/// Where the network map is.
pub(crate) const NETWORK_MAP: &str = "/network-map";

/// Where a cost map is.
pub(crate) fn cost_map_path(map: &CostMap) -> String {
    format!("/cost-map/{}", map.cost_type.metric)
}

/// The property by which the network map's PIDs are asked for.
pub(crate) fn pid_property(maps: &Maps) -> Result<PropertyName, NameFault> {
    PropertyName::of_resource(&maps.vtag().resource_id, "pid")
}

/// The property by which it is asked who is responsible.
pub(crate) fn responsible_property() -> Result<PropertyName, NameFault> {
    RESPONSIBLE_DIRECTORY.parse()
}

/// The directory of all that is offered; `responsible` says whether it is told who is. Its URIs are relative to its own, so that they hold behind
/// a proxy, also below a path, and under each of the server's names.
pub(crate) fn directory(maps: &Maps, responsible: bool) -> Result<Directory, NameFault> {
    let network = &maps.vtag().resource_id;
    let on_network = || vec![network.clone()];
    let mut resources = BTreeMap::new();
    let mut offer = |id: &str, resource: Resource| -> Result<(), NameFault> {
        resources.insert(id.parse::<ResourceId>()?, resource);
        Ok(())
    };
    offer(network.as_str(), at(NETWORK_MAP, MediaType::NetworkMap))?;
    for map in maps.costs() {
        let capabilities = of_costs(&[cost_type_name(map)], false);
        let place = at(&cost_map_path(map), MediaType::CostMap);
        let id = format!("cost-map-{}", map.cost_type.metric);
        offer(&id, Resource { capabilities, uses: on_network(), ..place })?;
    }
    let names: Vec<_> = maps.costs().iter().map(cost_type_name).collect();
    for target in Target::ALL.into_iter().filter(|target| target.is_offered(maps)) {
        let (capabilities, uses) = match target {
            Target::FilteredNetworkMap => (Capabilities::default(), on_network()),
            Target::FilteredCostMap => (of_costs(&names, true), on_network()),
            Target::EndpointCost => (of_costs(&names, true), Vec::new()),
            Target::EndpointProperty => {
                let mut prop_types = vec![pid_property(maps)?];
                if responsible {
                    prop_types.push(responsible_property()?);
                }
                (Capabilities { prop_types, ..Capabilities::default() }, Vec::new())
            }
        };
        let accepts = target.accepts().as_str().into();
        let place = at(target.path(), target.media_type());
        offer(target.id(), Resource { accepts, capabilities, uses, ..place })?;
    }
    let cost_types =
        maps.costs().iter().map(|map| (cost_type_name(map), map.cost_type.clone())).collect();
    Ok(Directory { default_network_map: Some(network.clone()), cost_types, resources })
}

fn at(path: &str, answers: MediaType) -> Resource {
    let media_type = answers.as_str().into();
    // The directory lies at the top, as they all do.
    let uri = path.trim_start_matches('/').into();
    Resource { uri, media_type, ..Resource::default() }
}

/// The directory's name for a map's cost type.
fn cost_type_name(map: &CostMap) -> String {
    format!("{}-{}", map.cost_type.mode, map.cost_type.metric)
}

fn of_costs(names: &[String], cost_constraints: bool) -> Capabilities {
    Capabilities { cost_type_names: names.to_vec(), cost_constraints, prop_types: Vec::new() }
}
