//! What is asked: by which bodies, for which peers. Pure.

use std::net::IpAddr;

use alto_discovery_core::{Peer, PeerId};
use alto_messages::{
    EndpointId, EndpointPropertyRequest, MediaType, RESPONSIBLE_DIRECTORY, TypedAddress,
};

/// The media types that a directory may come as (RFC 7285 §8.3.3).
pub const DIRECTORY_ACCEPT: &[&str] = &[MediaType::Directory.as_str(), MediaType::Error.as_str()];

/// The same for properties. A client that reads a directory in place of an answer says so (§8.3.4.2).
pub const PROPERTIES_ACCEPT: &[&str] = &[
    MediaType::EndpointProperties.as_str(),
    MediaType::Directory.as_str(),
    MediaType::Error.as_str(),
];

/// The media type of what is posted.
pub const PARAMETERS: &str = MediaType::EndpointPropertyParams.as_str();

/// Whom a server is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The peer's address.
    pub address: TypedAddress,
    /// What tells the peer apart from others behind the address (approach 4).
    pub id: Option<EndpointId>,
}

impl Question {
    /// The question about `peer`; `None` if it is a prefix, which endpoint properties know nothing of
    /// (RFC 7285 §11.4, §10.4.1).
    pub fn about(peer: &Peer<'_>) -> Option<Self> {
        let net = peer.net();
        (net.prefix_len() == net.max_prefix_len()).then(|| Self {
            address: TypedAddress(net.addr()),
            id: peer.id().and_then(endpoint_id),
        })
    }

    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.address.0
    }
}

/// `None` for the port 0, which is none: a server refuses a request that has it as a whole, with the
/// questions about other peers in it.
fn endpoint_id(id: &PeerId) -> Option<EndpointId> {
    match id {
        PeerId::Port(0) => None,
        PeerId::Port(port) => Some(EndpointId::Port(*port)),
        PeerId::Token(token) => Some(EndpointId::Token(token.as_bytes().into())),
    }
}

/// The body that asks about all of `questions`, in which no address may occur twice.
pub fn body<'q>(questions: impl IntoIterator<Item = &'q Question>) -> Vec<u8> {
    let properties = RESPONSIBLE_DIRECTORY.parse().into_iter().collect();
    let mut request = EndpointPropertyRequest { properties, ..EndpointPropertyRequest::default() };
    for Question { address, id } in questions {
        request.endpoints.push(*address);
        request.peer_ids.extend(id.clone().map(|id| (*address, id)));
    }
    request.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery_core::Token;

    fn asked(peers: &[Peer<'_>]) -> String {
        let questions: Vec<_> = peers.iter().map(|peer| Question::about(peer).unwrap()).collect();
        String::from_utf8(body(&questions)).unwrap()
    }

    /// RFC 7285 §11.4.1.3, with the member of approach 4 only where a peer has an ID.
    #[test]
    fn bodies_to_the_letter() {
        let plain: Peer<'_> = "198.51.100.3".parse().unwrap();
        assert_eq!(
            asked(std::slice::from_ref(&plain)),
            r#"{"properties":["priv:3pdisc-ird"],"endpoints":["ipv4:198.51.100.3"]}"#
        );
        let port = Peer::new([198, 51, 100, 3].into()).with_id(PeerId::Port(40_000));
        let token = PeerId::Token(Token::new(&[0xfb, 0xff]).unwrap());
        let token = "2001:db8::1".parse::<Peer<'_>>().unwrap().with_id(token);
        assert_eq!(
            asked(&[port, token, "::ffff:192.0.2.1".parse().unwrap()]),
            concat!(
                r#"{"properties":["priv:3pdisc-ird"],"#,
                r#""endpoints":["ipv4:198.51.100.3","ipv6:2001:db8::1","ipv4:192.0.2.1"],"#,
                r#""priv:3pdisc-peer-ids":{"ipv4:198.51.100.3":"port:40000","ipv6:2001:db8::1":"token:-_8"}}"#
            )
        );
    }

    /// What is no ID for a server is none here: what is sent is what a server reads.
    #[test]
    fn the_port_0_is_no_id() {
        let peer = Peer::new([198, 51, 100, 3].into());
        let question = Question::about(&peer.clone().with_id(PeerId::Port(0)));
        assert_eq!(question, Question::about(&peer));
        for port in [0, 1, 65_535] {
            let question = Question::about(&peer.clone().with_id(PeerId::Port(port))).unwrap();
            let options = alto_messages::ReadOptions::default();
            EndpointPropertyRequest::parse(&body([&question]), &options).unwrap();
        }
    }

    /// A property is one of an endpoint, which has one address (RFC 7285 §10.4.1).
    #[test]
    fn prefixes_cannot_be_asked_about() {
        for prefix in ["198.51.100.0/24", "2001:db8::/64", "0.0.0.0/0"] {
            assert_eq!(Question::about(&prefix.parse().unwrap()), None, "{prefix}");
        }
    }

    /// Tokens are not for logs.
    #[test]
    fn tokens_do_not_show() {
        let token = PeerId::Token(Token::new(b"secret").unwrap());
        let peer = Peer::new([192, 0, 2, 1].into()).with_id(token);
        assert!(!format!("{:?}", Question::about(&peer)).contains("secret"));
    }
}
