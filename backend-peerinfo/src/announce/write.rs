//! What a peer sends along, as [`find`](super::find) finds it again.

use data_encoding::BASE64URL_NOPAD;
use url::Url;

use super::{
    GUIDANCE_KEY, MOST_GUIDANCE, MOST_OPTIONS, MOST_URI, OPTION_GUIDANCE, OPTION_URI, URI_KEY,
};

/// The most octets in one option of a UDP announce (BEP 41).
const MOST_OPTION: usize = 255;

/// The parameter for the query of an HTTP announce that tells the server's URI (approach 5), to be put
/// behind a `&`; `None` if it is too long.
pub fn uri_parameter(uri: &Url) -> Option<String> {
    let text = uri.as_str();
    (text.len() <= MOST_URI).then(|| {
        let coded = text.bytes().map(|octet| match octet {
            // RFC 3986 §2.3: these need no encoding, whoever reads them.
            b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
            _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
            _ => format!("%{octet:02X}"),
        });
        URI_KEY.to_owned() + &coded.collect::<String>()
    })
}

/// The same for guidance (approach 6), as [`blob::write`](crate::blob::write) writes it.
pub fn guidance_parameter(blob: &[u8]) -> Option<String> {
    (blob.len() <= MOST_GUIDANCE).then(|| GUIDANCE_KEY.to_owned() + &BASE64URL_NOPAD.encode(blob))
}

/// The options that say the same in a UDP announce (BEP 41), to be put behind its 98 octets; `None` if
/// that makes the datagram longer than every path carries.
pub fn as_options(uri: Option<&Url>, blob: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut options = Vec::new();
    let mut put = |kind, data: &[u8]| {
        options.extend([kind, u8::try_from(data.len()).ok()?]);
        options.extend(data);
        Some(())
    };
    if let Some(uri) = uri {
        put(OPTION_URI, uri.as_str().as_bytes()).filter(|()| uri.as_str().len() <= MOST_URI)?;
    }
    for part in blob.unwrap_or_default().chunks(MOST_OPTION) {
        put(OPTION_GUIDANCE, part)?;
    }
    let fits = options.len() <= MOST_OPTIONS && blob.is_none_or(|blob| blob.len() <= MOST_GUIDANCE);
    fits.then_some(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::announce::{Sent, find};
    use alto_discovery_core::{Hints, parse_uri};
    use proptest::prelude::*;

    #[test]
    fn one_of_each() {
        let uri = parse_uri("https://alto.example/ird?a=1&b=2").unwrap();
        let text = "alto=https%3A%2F%2Falto.example%2Fird%3Fa%3D1%26b%3D2";
        assert_eq!(uri_parameter(&uri).unwrap(), text);
        assert_eq!(guidance_parameter(b"ab").unwrap(), "altog=YWI");
        let options = as_options(Some(&"https://a.example/".parse().unwrap()), Some(b"ab"));
        assert_eq!(options.unwrap(), b"\xa5\x12https://a.example/\xa6\x02ab");
        assert_eq!(as_options(None, None), Some(Vec::new()));
    }

    /// At each limit, and one beyond.
    #[test]
    fn limits() {
        let uri = |length: usize| -> Url {
            let start = "https://a.example/";
            format!("{start}{}", "x".repeat(length - start.len())).parse().unwrap()
        };
        assert!(
            uri_parameter(&uri(MOST_URI)).is_some() && uri_parameter(&uri(MOST_URI + 1)).is_none()
        );
        assert!(as_options(Some(&uri(MOST_URI)), None).is_some());
        assert!(as_options(Some(&uri(MOST_URI + 1)), None).is_none());
        assert!(as_options(Some(&uri(300)), None).is_none());
        let blob = [7; MOST_GUIDANCE + 1];
        assert!(guidance_parameter(&blob[1..]).is_some() && guidance_parameter(&blob).is_none());
        assert!(as_options(None, Some(&blob[1..])).is_some());
        assert!(as_options(None, Some(&blob)).is_none());
        // Both at their longest fit into an HTTP query, not into a datagram.
        assert!(as_options(Some(&uri(MOST_URI)), Some(&blob[1..])).is_none());
    }

    proptest! {
        /// What is written is found, by either wire, among what else there is.
        #[test]
        fn what_is_written_is_found(
            path in "[!-~]{0,120}",
            blob in prop::collection::vec(any::<u8>(), 1..700),
        ) {
            let Ok(uri) = parse_uri(&format!("https://alto.example/{path}")) else { return Ok(()) };
            let parameters = [uri_parameter(&uri).unwrap(), guidance_parameter(&blob).unwrap()];
            let query = format!("info_hash=%01&{}&port=1", parameters.join("&")).into_bytes();
            let options = [&[1_u8, 1][..], &as_options(Some(&uri), Some(&blob)).unwrap()].concat();
            for hints in [Hints::HttpQuery(query.into()), Hints::UdpOptions(options.into())] {
                let sent = Sent {
                    uri: Some(Ok(uri.as_str().as_bytes().into())),
                    guidance: Some(Ok(blob[..].into())),
                };
                prop_assert_eq!(find(&hints), sent);
            }
        }
    }
}
