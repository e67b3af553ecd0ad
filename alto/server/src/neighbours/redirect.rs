//! Answers that send whoever asks to a neighbour.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use alto_messages::{Directory, EndpointId, MediaType, Resource};
use url::Url;

use super::Neighbours;
use super::file::Form;
use super::territory::Party;
use crate::answer::{Answer, Asker, Target};

/// The resource ID of a neighbour's directory in a directory that stands in place of an answer.
const RESPONSIBLE: &str = "responsible-directory";

/// Where a neighbour's services are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Services {
    pub(crate) endpoint_property: Option<Url>,
    pub(crate) endpoint_cost: Option<Url>,
}

impl Services {
    fn of(&self, target: Target) -> Option<&Url> {
        match target {
            Target::EndpointProperty => self.endpoint_property.as_ref(),
            Target::EndpointCost => self.endpoint_cost.as_ref(),
            Target::FilteredNetworkMap | Target::FilteredCostMap => None,
        }
    }
}

impl Neighbours {
    /// Where to ask instead, if all of these endpoints are one neighbour's whose form is such;
    /// `None` if the question is to be answered here.
    pub(crate) fn elsewhere<'i>(
        &self,
        target: Target,
        endpoints: impl Iterator<Item = (IpAddr, Option<&'i EndpointId>)>,
        asker: Asker,
        max_age: Duration,
    ) -> Option<Answer> {
        let party = self.one_party(endpoints)?;
        let max_age = max_age.min(self.holds(party));
        let Party::Neighbour(at) = party else { return None };
        let answer = match self.file.neighbours[at].form {
            Form::Property => return None,
            Form::Directory if !asker.takes_directory => return None,
            Form::Directory => {
                let directory = self.directory_of(at).to_json();
                Answer::found(MediaType::Directory, directory, max_age)
            }
            Form::Status307 => {
                let location = Some(self.learnt(at).services.of(target)?.to_string());
                Answer { location, max_age: Some(max_age), ..Answer::bare(307) }
            }
        };
        Some(answer)
    }

    /// Who all of the endpoints belong to, if it is one and there are any.
    fn one_party<'i>(
        &self,
        mut endpoints: impl Iterator<Item = (IpAddr, Option<&'i EndpointId>)>,
    ) -> Option<Party> {
        let (address, id) = endpoints.next()?;
        let party = self.party(address, id)?;
        let is_same = |(address, id)| self.party(address, id) == Some(party);
        endpoints.all(is_same).then_some(party)
    }

    /// A directory that tells where to ask: it holds a link to the neighbour's (RFC 7285 §9.2.4).
    fn directory_of(&self, at: usize) -> Directory {
        let uri = self.file.neighbours[at].uri.to_string();
        let media_type = MediaType::Directory.as_str().into();
        let link = Resource { uri, media_type, ..Resource::default() };
        let mut resources = BTreeMap::new();
        resources.extend(RESPONSIBLE.parse().ok().map(|id| (id, link)));
        Directory { resources, ..Directory::default() }
    }
}
