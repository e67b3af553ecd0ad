//! The peer's half: what it appends to its announces. Pure.

use data_encoding::BASE64URL_NOPAD;

use crate::announce::{MOST_URI, OPTION_GUIDANCE, OPTION_URI};

/// The most octets in one option: its length is one octet (BEP 41).
const MOST_IN_OPTION: usize = 255;

/// The option of a UDP announce that names a server's directory (approach 5); `None` if the URI is
/// longer than is read.
pub fn uri_option(uri: &str) -> Option<Vec<u8>> {
    (uri.len() <= MOST_URI).then(|| option(OPTION_URI, uri.as_bytes()))
}

/// The same as a pair of an HTTP announce's query.
pub fn uri_pair(uri: &str) -> Option<String> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let encoded = |octet: u8| {
        if plain(octet) {
            char::from(octet).to_string()
        } else {
            // RFC 3986 §2.1
            format!("%{octet:02X}")
        }
    };
    let value: String = uri.bytes().map(encoded).collect();
    (uri.len() <= MOST_URI).then(|| format!("alto={value}"))
}

/// The options of a UDP announce that carry guidance (approach 6), as [`blob::write`](crate::blob::write)
/// writes it: as many as it takes.
pub fn guidance_options(blob: &[u8]) -> Vec<u8> {
    blob.chunks(MOST_IN_OPTION).flat_map(|part| option(OPTION_GUIDANCE, part)).collect()
}

/// The same as a pair of an HTTP announce's query.
pub fn guidance_pair(blob: &[u8]) -> String {
    format!("altog={}", BASE64URL_NOPAD.encode(blob))
}

fn option(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
    [&[kind, length], data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::announce::{MOST_GUIDANCE, Sent, find};
    use alto_discovery_core::Hints;
    use proptest::prelude::*;

    fn in_query(text: &str) -> Sent<'static> {
        let text = format!("port=6881&{text}&left=1").into_bytes();
        owned(find(&Hints::HttpQuery(text.into())))
    }

    fn in_options(octets: &[u8]) -> Sent<'static> {
        owned(find(&Hints::UdpOptions(octets.into())))
    }

    fn owned(sent: Sent<'_>) -> Sent<'static> {
        Sent {
            uri: sent.uri.map(|uri| uri.map(|uri| uri.into_owned().into())),
            guidance: sent.guidance.map(|octets| octets.map(|octets| octets.into_owned().into())),
        }
    }

    proptest! {
        /// What a peer writes is what a tracker reads, on both wires.
        #[test]
        fn written_is_read(
            uri in "https://[a-z]{1,20}\\.example/[!-~]{0,200}",
            blob in prop::collection::vec(any::<u8>(), 1..=MOST_GUIDANCE),
        ) {
            let expected = Some(Ok(uri.as_bytes().to_vec().into()));
            prop_assert_eq!(&in_query(&uri_pair(&uri).unwrap()).uri, &expected);
            prop_assert_eq!(&in_options(&uri_option(&uri).unwrap()).uri, &expected);
            let expected = Some(Ok(blob.clone().into()));
            prop_assert_eq!(&in_query(&guidance_pair(&blob)).guidance, &expected);
            prop_assert_eq!(&in_options(&guidance_options(&blob)).guidance, &expected);
        }
    }

    /// What no tracker would read is not written.
    #[test]
    fn limits() {
        let uri = |length| "x".repeat(length);
        assert!(uri_pair(&uri(MOST_URI)).is_some() && uri_option(&uri(MOST_URI)).is_some());
        assert!(uri_pair(&uri(MOST_URI + 1)).is_none() && uri_option(&uri(MOST_URI + 1)).is_none());
    }
}
