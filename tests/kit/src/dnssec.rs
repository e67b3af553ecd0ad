//! The key of a signed root, for a resolver to validate by.

use std::net::SocketAddr;
use std::time::Duration;

use crate::client::Client;
use crate::process::wait_until;
use crate::wire::{Question, Seen};

const PATIENCE: Duration = Duration::from_secs(10);
/// RFC 4034 §2.
const DNSKEY: u16 = 48;
/// Flags of a key that vouches for others (RFC 4034 §2.1.1).
const KEY_SIGNING: u16 = 257;

/// The key that vouches for the root at this server, as a line of a master file; waits until the zone
/// is signed.
pub fn trust_anchor(server: SocketAddr) -> String {
    let mut anchor = None;
    wait_until(PATIENCE, || {
        anchor = ask(server);
        anchor.is_some()
    });
    anchor.expect("the root is signed")
}

fn ask(server: SocketAddr) -> Option<String> {
    let question = Question { kind: DNSKEY, ..Question::naptr(1, ".") };
    let reply = Client::new(PATIENCE).ask_tcp(server, &question).ok()?;
    let seen = Seen::read(&reply)?;
    seen.sections[0].iter().find_map(|record| {
        let (flags, rest) = record.data.split_first_chunk::<2>()?;
        let [protocol, algorithm, key @ ..] = rest else { return None };
        let flags = u16::from_be_bytes(*flags);
        let line = format!(". 3600 IN DNSKEY {flags} {protocol} {algorithm} {}", base64(key));
        (record.kind == DNSKEY && flags == KEY_SIGNING).then_some(line)
    })
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*group.get(at).unwrap_or(&0)));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= group.len() { DIGITS[value].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn test_vectors() {
        for (octets, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(octets.as_bytes()), text);
        }
    }
}
