//! The endpoint property service, EPS (RFC 7285 §11.4), and its use for finding servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::address::TypedAddress;
use crate::fault::{Fault, Parsed, code, excerpt};
use crate::json::document::{Document, parse};
use crate::json::envelope::missing_member;
use crate::json::grammar::Event;
use crate::json::keys::duplicate;
use crate::json::writer::Writer;
use crate::meta::{Meta, VersionTag, parse_name, required, write_dependent_vtags};
use crate::names::PropertyName;
use crate::options::ReadOptions;

/// The property by which a server tells which server speaks for an endpoint: the absolute URI of
/// its directory.
pub const RESPONSIBLE_DIRECTORY: &str = "priv:3pdisc-ird";

/// The member of a request that says more of an endpoint than its address. Servers that do not
/// know it ignore it (RFC 7285 §8.3.7).
const PEER_IDS: &str = "priv:3pdisc-peer-ids";

/// Which properties of which endpoints are asked for (§11.4.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPropertyRequest {
    /// The properties.
    pub properties: Vec<PropertyName>,
    /// The endpoints.
    pub endpoints: Vec<TypedAddress>,
    /// What tells endpoints behind one address apart, for some of them.
    pub peer_ids: BTreeMap<TypedAddress, EndpointId>,
}

impl EndpointPropertyRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// If it is none; an [`ErrorBody`](crate::ErrorBody) can be made of the fault.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut properties, mut endpoints) = (None, None);
            let mut peer_ids = BTreeMap::new();
            document.object(|document, key| {
                match key {
                    "properties" => properties = Some(read_properties(document)?),
                    "endpoints" => endpoints = Some(read_endpoints(document)?),
                    PEER_IDS => peer_ids = read_peer_ids(document)?,
                    _ => document.skip()?,
                }
                Ok(())
            })?;
            let properties = required(properties, document, "properties")?;
            let endpoints = required(endpoints, document, "endpoints")?;
            check_asked(&peer_ids, &endpoints)?;
            Ok(Self { properties, endpoints, peer_ids })
        })
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.strings_member("properties", &self.properties);
            writer.array_member("endpoints", &self.endpoints, Writer::quoted);
            if !self.peer_ids.is_empty() {
                writer.object_member(PEER_IDS, |writer| {
                    for (address, id) in &self.peer_ids {
                        writer.string_member(&address.to_string(), &id.to_string());
                    }
                });
            }
        })
    }
}

/// What tells endpoints behind one address apart (approach 4).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum EndpointId {
    /// The port by which the endpoint is seen from outside; never 0.
    Port(u16),
    /// 1 to 32 octets that mean something to the endpoint's network.
    Token(Box<[u8]>),
}

impl EndpointId {
    const LONGEST_TOKEN: usize = 32;
}

impl FromStr for EndpointId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(port) = text.strip_prefix("port:") {
            // 0 is no port that an endpoint could be seen with.
            let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or(())?;
            return if format!("port:{port}") == text { Ok(Self::Port(port)) } else { Err(()) };
        }
        let octets = base64url::decode(text.strip_prefix("token:").ok_or(())?).ok_or(())?;
        let is_token = (1..=Self::LONGEST_TOKEN).contains(&octets.len());
        if is_token { Ok(Self::Token(octets.into())) } else { Err(()) }
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port:{port}"),
            Self::Token(octets) => write!(f, "token:{}", base64url::encode(octets)),
        }
    }
}

impl fmt::Debug for EndpointId {
    /// Tokens are never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "Port({port})"),
            Self::Token(octets) => write!(f, "Token({} octets)", octets.len()),
        }
    }
}

/// What a server says of endpoints (§11.4.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointProperties {
    /// The versions of the maps whose PIDs it names.
    pub dependent_vtags: Vec<VersionTag>,
    /// What it says; a property it does not know of an endpoint is left out.
    pub endpoints: BTreeMap<TypedAddress, BTreeMap<PropertyName, String>>,
}

impl EndpointProperties {
    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none; see [`code`].
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut meta, mut endpoints, mut keys) = (Meta::default(), None, Vec::new());
            document.object(|document, key| {
                keys.push(key.to_owned());
                match key {
                    "meta" => meta = Meta::read(document)?,
                    "endpoint-properties" => endpoints = Some(Self::read_endpoints(document)?),
                    _ => document.skip()?,
                }
                Ok(())
            })?;
            let missing = || missing_member("endpoint-properties", keys.iter().map(String::as_str));
            let endpoints = endpoints.ok_or_else(missing)?;
            let dependent_vtags = Meta::dependencies(meta.dependent_vtags, &mut document.report)?;
            Ok(Self { dependent_vtags, endpoints })
        })
    }

    fn read_endpoints(
        document: &mut Document<'_>,
    ) -> Result<BTreeMap<TypedAddress, BTreeMap<PropertyName, String>>, Fault> {
        let mut endpoints = BTreeMap::new();
        document.object(|document, key| {
            let Some(address) = document.address(key)? else { return document.skip() };
            if endpoints.insert(address, read_values(document)?).is_some() {
                return Err(duplicate(&document.path(), key));
            }
            Ok(())
        })?;
        Ok(endpoints)
    }

    /// One property of one endpoint.
    pub fn get(&self, endpoint: TypedAddress, property: &str) -> Option<&str> {
        self.endpoints.get(&endpoint)?.get(property).map(String::as_str)
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                write_dependent_vtags(writer, &self.dependent_vtags);
            });
            writer.object_member("endpoint-properties", |writer| {
                for (address, values) in &self.endpoints {
                    writer.object_member(&address.to_string(), |writer| {
                        for (property, value) in values {
                            writer.string_member(property.as_str(), value);
                        }
                    });
                }
            });
        })
    }
}

/// Reads the properties of one endpoint. A value should be a string (§11.4.1.6); of others only
/// numbers and booleans can be taken as one.
fn read_values(document: &mut Document<'_>) -> Result<BTreeMap<PropertyName, String>, Fault> {
    let mut values = BTreeMap::new();
    document.object(|document, key| {
        let property = parse_name(key, document)?;
        let value = match document.scalar()? {
            Some(Event::String(text)) => Some(text.into_owned()),
            other => {
                let fault = || Fault::wrong_type(document.path(), "another value", "a string");
                let fault = fault().with_code(code::PROPERTY_NOT_A_STRING);
                document.report.note(code::PROPERTY_NOT_A_STRING, || fault);
                match other {
                    Some(Event::Number(text)) => Some(text.to_owned()),
                    Some(Event::Bool(value)) => Some(value.to_string()),
                    _ => None,
                }
            }
        };
        values.extend(value.map(|value| (property, value)));
        Ok(())
    })?;
    Ok(values)
}

fn read_properties(document: &mut Document<'_>) -> Result<Vec<PropertyName>, Fault> {
    let mut properties = Vec::new();
    document.strings(|document, text| {
        properties.push(parse_name(text, document)?);
        Ok(())
    })?;
    Ok(properties)
}

/// Reads a list of endpoints in a request. Unlike in an answer, one of an unknown type is at
/// fault: nothing could be said of it.
pub(crate) fn read_endpoints(document: &mut Document<'_>) -> Result<Vec<TypedAddress>, Fault> {
    let mut endpoints = Vec::new();
    document.strings(|document, text| {
        let unknown = |document: &Document<'_>| {
            let sentence = format!("`{}` is of an unknown address type", excerpt(text));
            Fault::value(code::BAD_ADDRESS, document.path(), text, sentence)
        };
        endpoints.push(document.address(text)?.ok_or_else(|| unknown(document))?);
        Ok(())
    })?;
    Ok(endpoints)
}

fn read_peer_ids(document: &mut Document<'_>) -> Result<BTreeMap<TypedAddress, EndpointId>, Fault> {
    let mut peer_ids = BTreeMap::new();
    document.object(|document, key| {
        let Some(address) = document.address(key)? else { return document.skip() };
        let id = document.string()?.parse().map_err(|()| {
            // The value may be a token, so it is not repeated.
            let sentence = "neither `port:` with a number nor `token:` with 1 to 32 octets";
            Fault::value(code::FIELD_VALUE, document.path(), "", sentence)
        })?;
        if peer_ids.insert(address, id).is_some() {
            return Err(duplicate(&document.path(), key));
        }
        Ok(())
    })?;
    Ok(peer_ids)
}

/// An ID of an endpoint that is not asked for is a mistake, and perhaps a token given away.
fn check_asked(
    peer_ids: &BTreeMap<TypedAddress, EndpointId>,
    endpoints: &[TypedAddress],
) -> Result<(), Fault> {
    let asked: BTreeSet<_> = endpoints.iter().collect();
    match peer_ids.keys().find(|address| !asked.contains(address)) {
        Some(address) => {
            let sentence = "has an ID, but is not among the endpoints asked for";
            Err(Fault::value(code::FIELD_VALUE, PEER_IDS, &address.to_string(), sentence))
        }
        None => Ok(()),
    }
}

/// Base 64 with the alphabet for URLs and without padding (RFC 4648 §5).
mod base64url {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    pub(super) fn encode(octets: &[u8]) -> String {
        let mut text = String::new();
        for group in octets.chunks(3) {
            let bits = group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
            let bits = bits << (24 - 8 * group.len());
            for place in 0..=group.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
            }
        }
        text
    }

    /// The octets; `None` if the text is not what [`encode`] writes.
    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        let (mut bits, mut held) = (0_u32, 0);
        for byte in text.bytes() {
            let value = ALPHABET.iter().position(|known| *known == byte)?;
            (bits, held) = (bits << 6 | u32::try_from(value).ok()?, held + 6);
            if held >= 8 {
                held -= 8;
                octets.push((bits >> held & 0xff) as u8);
            }
        }
        (encode(&octets) == text).then_some(octets)
    }
}
