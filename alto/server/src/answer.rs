//! Requests and answers as plain data: which resource is meant, and whether it may be asked for
//! in this way (RFC 7285 §8.3, §8.5).

use std::net::IpAddr;
use std::time::Duration;

use alto_messages::{ContentType, ErrorBody, ErrorCode, MediaType};
use bytes::Bytes;

use crate::accept::{accepts, holds};
use crate::catalogue::Catalogue;
use crate::maps::Maps;

/// The head of a request. Header lines of one name are joined by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// GET, HEAD, POST or another.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// The header Accept.
    pub accept: Option<&'a str>,
    /// The header Content-Type.
    pub content_type: Option<&'a str>,
    /// The header If-None-Match.
    pub if_none_match: Option<&'a str>,
}

/// Who makes a request with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The address that it comes from.
    pub address: IpAddr,
    /// Whether a directory may come in place of what is asked for (RFC 7285 §8.3.4.2): if it says
    /// that it accepts one.
    pub takes_directory: bool,
}

impl<A: Into<IpAddr>> From<A> for Asker {
    /// One that takes what it asks for, and nothing else.
    fn from(address: A) -> Self {
        Self { address: address.into(), takes_directory: false }
    }
}

/// What to do with a request, by its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Send this; the request's body does not matter.
    Send(Answer),
    /// Read the body and ask [`Catalogue::answer`].
    Read(Target),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What the body is; `None` if there is none.
    pub media_type: Option<MediaType>,
    /// The header ETag.
    pub etag: Option<String>,
    /// How long the answer is fresh: Cache-Control.
    pub max_age: Option<Duration>,
    /// The header Allow.
    pub allow: Option<&'static str>,
    /// The header Location.
    pub location: Option<String>,
    /// The body; for HEAD too, where it is not sent.
    pub body: Bytes,
}

impl Answer {
    /// A resource or what was made of one.
    pub(crate) fn found(media_type: MediaType, body: impl Into<Bytes>, max_age: Duration) -> Self {
        Self {
            max_age: Some(max_age),
            media_type: Some(media_type),
            ..Self::bare(200).with_body(body)
        }
    }

    /// A refusal; exactly one error (§8.5.1).
    pub(crate) fn refusal(status: u16, error: &ErrorBody) -> Self {
        let media_type = Some(MediaType::Error);
        Self { media_type, ..Self::bare(status).with_body(error.to_json()) }
    }

    /// A request that makes no sense in that field.
    pub(crate) fn bad_value(status: u16, field: &str, value: &str) -> Self {
        let (field, value) = (Some(field.into()), Some(value.into()));
        let code = ErrorCode::InvalidFieldValue;
        Self::refusal(status, &ErrorBody { code, syntax_error: None, field, value })
    }

    /// A request that is broken before anything in it can be named.
    pub(crate) fn broken(status: u16, sentence: &str) -> Self {
        let syntax_error = Some(sentence.into());
        let code = ErrorCode::Syntax;
        Self::refusal(status, &ErrorBody { code, syntax_error, field: None, value: None })
    }

    /// A status, and no more.
    pub(crate) fn bare(status: u16) -> Self {
        let (media_type, etag, max_age, allow, location) = (None, None, None, None, None);
        Self { status, media_type, etag, max_age, allow, location, body: Bytes::new() }
    }

    fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// A resource that is asked by POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// RFC 7285 §11.3.1.
    FilteredNetworkMap,
    /// RFC 7285 §11.3.2.
    FilteredCostMap,
    /// RFC 7285 §11.5.
    EndpointCost,
    /// RFC 7285 §11.4.
    EndpointProperty,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::FilteredNetworkMap,
        Self::FilteredCostMap,
        Self::EndpointCost,
        Self::EndpointProperty,
    ];

    /// Its resource ID.
    pub fn id(self) -> &'static str {
        match self {
            Self::FilteredNetworkMap => "filtered-network-map",
            Self::FilteredCostMap => "filtered-cost-map",
            Self::EndpointCost => "endpoint-cost",
            Self::EndpointProperty => "endpoint-property",
        }
    }

    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            Self::FilteredNetworkMap => "/filtered-network-map",
            Self::FilteredCostMap => "/filtered-cost-map",
            Self::EndpointCost => "/endpoint-cost",
            Self::EndpointProperty => "/endpoint-property",
        }
    }

    /// What it takes.
    pub fn accepts(self) -> MediaType {
        match self {
            Self::FilteredNetworkMap => MediaType::NetworkMapFilter,
            Self::FilteredCostMap => MediaType::CostMapFilter,
            Self::EndpointCost => MediaType::EndpointCostParams,
            Self::EndpointProperty => MediaType::EndpointPropertyParams,
        }
    }

    /// What it gives.
    pub fn media_type(self) -> MediaType {
        match self {
            Self::FilteredNetworkMap => MediaType::NetworkMap,
            Self::FilteredCostMap => MediaType::CostMap,
            Self::EndpointCost => MediaType::EndpointCosts,
            Self::EndpointProperty => MediaType::EndpointProperties,
        }
    }

    /// Whether these maps suffice for it.
    pub(crate) fn is_offered(self, maps: &Maps) -> bool {
        match self {
            Self::FilteredNetworkMap | Self::EndpointProperty => true,
            Self::FilteredCostMap | Self::EndpointCost => !maps.costs().is_empty(),
        }
    }
}

impl Catalogue {
    /// What to do with a request.
    ///
    /// RFC 7285 has codes for faults in bodies only; for those of a head the same codes are used,
    /// with the header's name in place of the field's.
    pub fn plan(&self, head: &Head<'_>) -> Plan {
        if self.stored(head.path).is_some() {
            return Plan::Send(self.get(head));
        }
        let mut offered = Target::ALL.into_iter().filter(|target| target.is_offered(self.maps()));
        match offered.find(|target| target.path() == head.path) {
            Some(target) => check_post(target, head).map_or(Plan::Read(target), Plan::Send),
            None => Plan::Send(Answer::bad_value(404, "path", head.path)),
        }
    }

    fn get(&self, head: &Head<'_>) -> Answer {
        let Some(stored) = self.stored(head.path) else { return Answer::bare(404) };
        if !["GET", "HEAD"].contains(&head.method) {
            return wrong_method(head, "GET, HEAD");
        }
        if !accepts(head.accept, stored.media_type.as_str()) {
            return not_acceptable(head);
        }
        let etag = Some(stored.etag.clone());
        if holds(head.if_none_match, &stored.etag) {
            return Answer { etag, max_age: Some(self.max_age()), ..Answer::bare(304) };
        }
        let found = Answer::found(stored.media_type, stored.body.clone(), self.max_age());
        Answer { etag, ..found }
    }
}

/// Why a target may not be asked in this way; `None` if it may.
fn check_post(target: Target, head: &Head<'_>) -> Option<Answer> {
    if head.method != "POST" {
        return Some(wrong_method(head, "POST"));
    }
    if !accepts(head.accept, target.media_type().as_str()) {
        return Some(not_acceptable(head));
    }
    let Some(content_type) = head.content_type else {
        let (code, field) = (ErrorCode::MissingField, Some("Content-Type".into()));
        let error = ErrorBody { code, syntax_error: None, field, value: None };
        return Some(Answer::refusal(415, &error));
    };
    let essence = ContentType::parse(content_type).essence;
    let is_due = MediaType::named(&essence) == Some(target.accepts());
    (!is_due).then(|| Answer::bad_value(415, "Content-Type", content_type))
}

fn wrong_method(head: &Head<'_>, allow: &'static str) -> Answer {
    Answer { allow: Some(allow), ..Answer::bad_value(405, "method", head.method) }
}

fn not_acceptable(head: &Head<'_>) -> Answer {
    Answer::bad_value(406, "Accept", head.accept.unwrap_or_default())
}
