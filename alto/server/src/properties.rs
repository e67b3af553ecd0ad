//! Properties of endpoints (RFC 7285 §11.4): their PIDs, and who is responsible for them.

use std::collections::BTreeMap;
use std::time::Duration;

use alto_messages::{
    EndpointId, EndpointProperties, EndpointPropertyRequest, PropertyName, TypedAddress,
};
use bytes::Bytes;

use crate::answer::{Asker, Target};
use crate::catalogue::Catalogue;
use crate::neighbours::MOST_ENDPOINTS;
use crate::offer::{pid_property, responsible_property};
use crate::posted::{Refusal, read_options};

/// Which of the properties that there are are asked for.
struct Wanted {
    pid: Option<PropertyName>,
    responsible: Option<PropertyName>,
}

impl Catalogue {
    /// What is known of the endpoints, and for how long; what is not known of one is left out
    /// (§11.4.1.6).
    pub(crate) fn endpoint_properties(
        &self,
        body: &[u8],
        asker: Asker,
    ) -> Result<(Bytes, Duration), Refusal> {
        let request = EndpointPropertyRequest::parse(body, &read_options());
        let request = request.map_err(|fault| Refusal::request(&fault))?.message;
        let wanted = self.wanted(&request)?;
        let with_id = |endpoint: &TypedAddress| (*endpoint, request.peer_ids.get(endpoint));
        // A PID of our map is ours to tell, whoever is responsible.
        if wanted.pid.is_none() {
            let endpoints = request.endpoints.iter().map(with_id).map(|(of, id)| (of.0, id));
            self.check_here(Target::EndpointProperty, endpoints, asker)?;
        }
        let mut max_age = self.max_age();
        let mut endpoints = BTreeMap::new();
        for (endpoint, id) in request.endpoints.iter().map(with_id) {
            let (properties, holds) = self.properties(&wanted, endpoint, id);
            max_age = max_age.min(holds);
            endpoints.insert(endpoint, properties);
        }
        // Of the maps whose PIDs are asked for (§11.4.1.6).
        let dependent_vtags = wanted.pid.iter().map(|_| self.maps().vtag().clone()).collect();
        Ok((EndpointProperties { dependent_vtags, endpoints }.to_json().into(), max_age))
    }

    fn wanted(&self, request: &EndpointPropertyRequest) -> Result<Wanted, Refusal> {
        let pid = pid_property(self.maps()).map_err(|_| Refusal::Ours)?;
        let responsible = responsible_property().map_err(|_| Refusal::Ours)?;
        let is_offered = |name: &PropertyName| {
            *name == pid || (*name == responsible && self.neighbours().is_some())
        };
        if let Some(unknown) = request.properties.iter().find(|name| !is_offered(name)) {
            return Err(Refusal::value("properties", unknown.as_str()));
        }
        if request.properties.is_empty() {
            return Err(Refusal::value("properties", "[]"));
        }
        let asked = |name: PropertyName| request.properties.contains(&name).then_some(name);
        let wanted = Wanted { pid: asked(pid), responsible: asked(responsible) };
        let count = request.endpoints.len();
        if wanted.responsible.is_some() && count > MOST_ENDPOINTS {
            let sentence = format!("{count} endpoints; at most {MOST_ENDPOINTS}");
            return Err(Refusal::value("endpoints", &sentence));
        }
        Ok(wanted)
    }

    /// The properties of an endpoint, and how long they hold.
    fn properties(
        &self,
        wanted: &Wanted,
        endpoint: TypedAddress,
        id: Option<&EndpointId>,
    ) -> (BTreeMap<PropertyName, String>, Duration) {
        let pid = wanted.pid.clone().and_then(|name| {
            let pid = self.maps().pid(endpoint.0)?;
            Some((name, self.maps().network().pids().name(pid).as_str().to_owned()))
        });
        let neighbours = self.neighbours().filter(|_| wanted.responsible.is_some());
        let responsible = neighbours.and_then(|of| of.responsible(endpoint.0, id));
        let holds = responsible.as_ref().map_or(Duration::MAX, |responsible| responsible.holds);
        let responsible = responsible.map(|responsible| responsible.uri.to_string());
        let responsible = wanted.responsible.clone().zip(responsible);
        (pid.into_iter().chain(responsible).collect(), holds)
    }
}
