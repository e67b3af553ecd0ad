//! The information resource directory, IRD (RFC 7285 §9).

use std::collections::BTreeMap;

use url::Url;

use crate::fault::{Fault, Parsed, Warning, code};
use crate::json::document::{Document, parse};
use crate::json::envelope::missing_member;
use crate::json::writer::Writer;
use crate::media_type::MediaType;
use crate::meta::{CostType, name, parse_name};
use crate::names::{PropertyName, ResourceId};
use crate::options::{Limits, ReadOptions, too_large};

/// What a server offers, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The network map to go by (§9.2.2); a root directory has one.
    pub default_network_map: Option<ResourceId>,
    /// Names for cost types, good in this directory only.
    pub cost_types: BTreeMap<String, CostType>,
    /// What there is.
    pub resources: BTreeMap<ResourceId, Resource>,
}

/// One entry of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Where it is, perhaps relative to the directory's own URI; see [`Resource::resolve`].
    pub uri: String,
    /// The media type of its answers.
    pub media_type: String,
    /// The media type of requests; empty if it is fetched by GET.
    pub accepts: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The resources it depends on.
    pub uses: Vec<ResourceId>,
}

/// What a resource can do; capabilities of extensions are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Names of cost types, as the directory defines them.
    pub cost_type_names: Vec<String>,
    /// Whether requests may have constraints (§11.3.2.4).
    pub cost_constraints: bool,
    /// The properties of endpoints that can be asked for (§11.4.1.4).
    pub prop_types: Vec<PropertyName>,
}

/// What kind of service a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Another directory (§9.2.4).
    Directory,
    /// A whole network map.
    NetworkMap,
    /// A network map on request.
    FilteredNetworkMap,
    /// A whole cost map.
    CostMap,
    /// A cost map on request.
    FilteredCostMap,
    /// Endpoint property service, EPS.
    EndpointProperty,
    /// Endpoint cost service, ECS.
    EndpointCost,
}

impl Directory {
    /// Reads a directory.
    ///
    /// # Errors
    /// If it is none; see [`code`]. When lenient, entries that cannot be used are left out.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let mut directory = Self::default();
            let mut keys = Vec::new();
            document.object(|document, key| {
                keys.push(key.to_owned());
                match key {
                    "meta" => directory.read_meta(document),
                    "resources" => directory.read_resources(document, options.limits),
                    _ => document.skip(),
                }
            })?;
            if !keys.iter().any(|key| key == "resources") {
                return Err(missing_member("resources", keys.iter().map(String::as_str)));
            }
            directory.check_names(document)?;
            Ok(directory)
        })
    }

    fn read_meta(&mut self, document: &mut Document<'_>) -> Result<(), Fault> {
        document.object(|document, key| match key {
            "default-alto-network-map" => {
                self.default_network_map = Some(name(document)?);
                Ok(())
            }
            "cost-types" => document.object(|document, name| {
                self.cost_types.insert(name.to_owned(), CostType::read(document)?);
                Ok(())
            }),
            _ => document.skip(),
        })
    }

    fn read_resources(&mut self, document: &mut Document<'_>, limits: Limits) -> Result<(), Fault> {
        if document.is_at_array() {
            let sentence = "a directory of a draft before RFC 7285: `resources` is an array";
            return Err(Fault::value(code::DRAFT_ERA, "resources", "", sentence));
        }
        document.object(|document, key| {
            let id = parse_name(key, document)?;
            if let Some(resource) = Resource::read(document)? {
                self.resources.insert(id, resource);
            }
            if self.resources.len() > limits.resources {
                return Err(too_large("resources", "entries", limits.resources));
            }
            Ok(())
        })
    }

    /// Names must refer to something: the default network map to a resource, cost
    /// type names to cost types. `uses` may name resources of another directory (§9.2.4).
    fn check_names(&mut self, document: &mut Document<'_>) -> Result<(), Fault> {
        let dangling = |field: &str, name: &str| {
            let sentence = format!("`{}` refers to nothing", crate::fault::excerpt(name));
            Fault::value(code::DANGLING_NAME, field, name, sentence)
        };
        if let Some(id) = &self.default_network_map
            && !self.resources.contains_key(id)
        {
            return Err(dangling("meta/default-alto-network-map", id.as_str()));
        }
        for (id, resource) in &mut self.resources {
            let names = &mut resource.capabilities.cost_type_names;
            while let Some(at) = names.iter().position(|name| !self.cost_types.contains_key(name)) {
                let field = format!("resources/{id}/capabilities/cost-type-names");
                document.report.forgive(dangling(&field, &names.remove(at)))?;
            }
        }
        Ok(())
    }

    /// The network map to go by, and a warning if the directory does not name one but has only
    /// that.
    ///
    /// # Errors
    /// If the directory names none and does not have exactly one: then maps cannot be used.
    pub fn network_map(&self) -> Result<(&ResourceId, Option<Warning>), Fault> {
        if let Some(id) = &self.default_network_map {
            return Ok((id, None));
        }
        let missing = |code| Fault::missing(code, "meta/default-alto-network-map");
        let mut maps = self.offering(Service::NetworkMap);
        match (maps.next(), maps.next()) {
            (Some((id, _)), None) => {
                let first = missing(code::NO_DEFAULT_NETWORK_MAP);
                Ok((id, Some(Warning { first, count: 1 })))
            }
            _ => Err(missing(code::NO_NETWORK_MAP)),
        }
    }

    /// The resources of a kind.
    pub fn offering(&self, service: Service) -> impl Iterator<Item = (&ResourceId, &Resource)> {
        self.resources.iter().filter(move |(_, resource)| resource.service() == Some(service))
    }

    /// The cost types that a resource of this directory offers.
    pub fn cost_types_of<'d>(
        &'d self,
        resource: &'d Resource,
    ) -> impl Iterator<Item = &'d CostType> {
        resource.capabilities.cost_type_names.iter().filter_map(|name| self.cost_types.get(name))
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                writer.object_member("cost-types", |writer| {
                    for (name, cost_type) in &self.cost_types {
                        writer.object_member(name, |writer| cost_type.write(writer));
                    }
                });
                if let Some(id) = &self.default_network_map {
                    writer.string_member("default-alto-network-map", id.as_str());
                }
            });
            writer.object_member("resources", |writer| {
                for (id, resource) in &self.resources {
                    writer.object_member(id.as_str(), |writer| resource.write(writer));
                }
            });
        })
    }
}

impl Resource {
    /// Reads an entry; `None` if it cannot be used and that is forgiven.
    fn read(document: &mut Document<'_>) -> Result<Option<Self>, Fault> {
        let mut resource = Self::default();
        document.object(|document, key| {
            match key {
                "uri" => resource.uri = document.string()?.into_owned(),
                "media-type" => resource.media_type = document.string()?.into_owned(),
                "accepts" => resource.accepts = document.string()?.into_owned(),
                "capabilities" => resource.capabilities = Capabilities::read(document)?,
                "uses" => document.strings(|document, text| {
                    resource.uses.push(parse_name(text, document)?);
                    Ok(())
                })?,
                _ => document.skip()?,
            }
            Ok(())
        })?;
        for (field, text) in [("uri", &resource.uri), ("media-type", &resource.media_type)] {
            if text.is_empty() {
                let fault = Fault::missing(code::ENTRY_SKIPPED, document.path_of(field));
                document.report.forgive(fault)?;
                return Ok(None);
            }
        }
        Ok(resource.has_one_cost_type(document)?.then_some(resource))
    }

    /// A cost map has exactly one cost type (§11.2.3.4).
    fn has_one_cost_type(&self, document: &mut Document<'_>) -> Result<bool, Fault> {
        let names = &self.capabilities.cost_type_names;
        if self.service() != Some(Service::CostMap) || names.len() == 1 {
            return Ok(true);
        }
        let field = document.path_of("capabilities/cost-type-names");
        let sentence = format!("a cost map has one cost type, not {}", names.len());
        document.report.forgive(Fault::value(code::WRONG_COUNT, field, "", sentence))?;
        Ok(false)
    }

    /// What kind of service it is; `None` for those of extensions.
    pub fn service(&self) -> Option<Service> {
        use MediaType as M;
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let answers = M::named(&essence(&self.media_type))?;
        let accepts = self.accepts.split(',').find_map(|one| M::named(&essence(one)));
        match (answers, accepts) {
            (M::Directory, None) => Some(Service::Directory),
            (M::NetworkMap, None) => self.accepts.is_empty().then_some(Service::NetworkMap),
            (M::CostMap, None) => self.accepts.is_empty().then_some(Service::CostMap),
            (M::NetworkMap, Some(M::NetworkMapFilter)) => Some(Service::FilteredNetworkMap),
            (M::CostMap, Some(M::CostMapFilter)) => Some(Service::FilteredCostMap),
            (M::EndpointProperties, Some(M::EndpointPropertyParams)) => {
                Some(Service::EndpointProperty)
            }
            (M::EndpointCosts, Some(M::EndpointCostParams)) => Some(Service::EndpointCost),
            _ => None,
        }
    }

    /// Its absolute URI, given that of the directory (RFC 3986 §5). Whether it may be contacted is
    /// for the caller to judge.
    ///
    /// # Errors
    /// If it is no URI reference.
    pub fn resolve(&self, directory: &Url) -> Result<Url, Fault> {
        directory.join(&self.uri).map_err(|fault| {
            let sentence = format!("`{}` is no URI: {fault}", crate::fault::excerpt(&self.uri));
            Fault::value(code::FIELD_VALUE, "uri", &self.uri, sentence)
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.string_member("uri", &self.uri);
        writer.string_member("media-type", &self.media_type);
        if !self.accepts.is_empty() {
            writer.string_member("accepts", &self.accepts);
        }
        if self.capabilities != Capabilities::default() {
            writer.object_member("capabilities", |writer| self.capabilities.write(writer));
        }
        if !self.uses.is_empty() {
            writer.strings_member("uses", &self.uses);
        }
    }
}

impl Capabilities {
    fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let mut capabilities = Self::default();
        document.object(|document, key| match key {
            "cost-type-names" => document.strings(|_, text| {
                capabilities.cost_type_names.push(text.to_owned());
                Ok(())
            }),
            "cost-constraints" => {
                capabilities.cost_constraints = document.boolean()?;
                Ok(())
            }
            "prop-types" => document.strings(|document, text| {
                capabilities.prop_types.push(parse_name(text, document)?);
                Ok(())
            }),
            _ => document.skip(),
        })?;
        Ok(capabilities)
    }

    fn write(&self, writer: &mut Writer) {
        if !self.cost_type_names.is_empty() {
            writer.strings_member("cost-type-names", &self.cost_type_names);
        }
        if self.cost_constraints {
            writer.plain_member("cost-constraints", true);
        }
        if !self.prop_types.is_empty() {
            writer.strings_member("prop-types", &self.prop_types);
        }
    }
}
