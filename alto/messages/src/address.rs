//! Endpoint addresses with their type, and endpoint prefixes (RFC 7285 §10.4).

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::fault::{Fault, code, excerpt};
use crate::options::Report;

/// The kinds of addresses that this crate reads; others are ignored (RFC 7285 §11.2.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressType {
    /// `ipv4`.
    Ipv4,
    /// `ipv6`.
    Ipv6,
}

impl AddressType {
    /// The word for it (RFC 7285 §10.4.2).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// The type of that name; `None` for others.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ipv4" => Some(Self::Ipv4),
            "ipv6" => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// The type of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    fn address(self, text: &str) -> Option<IpAddr> {
        match self {
            Self::Ipv4 => text.parse().ok().map(IpAddr::V4),
            Self::Ipv6 => text.parse().ok().map(IpAddr::V6),
        }
    }
}

/// An address written with its type, such as `ipv4:192.0.2.1` (RFC 7285 §10.4.1).
///
/// Texts are never compared: `ipv6:2001:DB8::0:1` is the same address as `ipv6:2001:db8::1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypedAddress(pub IpAddr);

/// Why a text is no typed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// There is no type before the address.
    Untyped(IpAddr),
    /// A type other than `ipv4` and `ipv6`.
    UnknownType(Box<str>),
    /// No address of its type.
    Malformed(Box<str>),
}

impl FromStr for TypedAddress {
    type Err = AddressFault;

    /// Splits at the first colon: IPv6 addresses hold further ones.
    fn from_str(text: &str) -> Result<Self, AddressFault> {
        let malformed = || AddressFault::Malformed(excerpt(text));
        if let Ok(address) = text.parse() {
            return Err(AddressFault::Untyped(address));
        }
        let (name, address) = text.split_once(':').ok_or_else(malformed)?;
        let is_type = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match AddressType::named(name) {
            Some(kind) => kind.address(address).map(Self).ok_or_else(malformed),
            None if is_type => Err(AddressFault::UnknownType(excerpt(text))),
            None => Err(malformed()),
        }
    }
}

impl TypedAddress {
    /// Reads the address in member `field`; `None` if its type is unknown and so it is ignored.
    pub(crate) fn read(
        text: &str,
        field: &dyn Fn() -> String,
        report: &mut Report,
    ) -> Result<Option<Self>, Fault> {
        let fault =
            |code, fault: &AddressFault| Fault::value(code, field(), text, fault.to_string());
        match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(why @ AddressFault::Untyped(address)) => {
                report.forgive(fault(code::UNTYPED_ADDRESS, &why))?;
                Ok(Some(Self(address)))
            }
            Err(why @ AddressFault::UnknownType(_)) => {
                report.note(code::UNKNOWN_ADDRESS_TYPE, || fault(code::UNKNOWN_ADDRESS_TYPE, &why));
                Ok(None)
            }
            Err(why @ AddressFault::Malformed(_)) => Err(fault(code::BAD_ADDRESS, &why)),
        }
    }
}

impl fmt::Display for TypedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", AddressType::of(self.0).as_str(), self.0)
    }
}

impl fmt::Debug for TypedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untyped(address) => write!(f, "`{address}` has no type before it"),
            Self::UnknownType(text) => write!(f, "`{text}` is of a type other than ipv4 and ipv6"),
            Self::Malformed(text) => write!(f, "`{text}` is no typed endpoint address"),
        }
    }
}

impl Error for AddressFault {}

/// What a text stands for where a prefix is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixText<N> {
    /// A prefix.
    Plain(N),
    /// A prefix with bits set beyond its length; here they are cleared.
    HostBits(N),
    /// An address; here as the prefix of that one address.
    Bare(N),
}

/// Reads an IPv4 prefix (RFC 4632 §3.1): four decimal numbers and a length.
pub(crate) fn ipv4_prefix(text: &str) -> Option<PrefixText<Ipv4Net>> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<Ipv4Addr>().ok().map(|address| PrefixText::Bare(address.into()));
    };
    let net = Ipv4Net::new(address.parse().ok()?, prefix_length(length)?).ok()?;
    Some(if net.addr() == net.network() {
        PrefixText::Plain(net)
    } else {
        PrefixText::HostBits(net.trunc())
    })
}

/// Reads an IPv6 prefix (RFC 4291 §2.3); any spelling of the address, not only that of RFC 5952.
pub(crate) fn ipv6_prefix(text: &str) -> Option<PrefixText<Ipv6Net>> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<Ipv6Addr>().ok().map(|address| PrefixText::Bare(address.into()));
    };
    let net = Ipv6Net::new(address.parse().ok()?, prefix_length(length)?).ok()?;
    Some(if net.addr() == net.network() {
        PrefixText::Plain(net)
    } else {
        PrefixText::HostBits(net.trunc())
    })
}

/// Reads a prefix of either kind, as people write it in files.
///
/// # Errors
/// If the text is no prefix, has bits set beyond its length, or is an IPv4 prefix in the form of an
/// IPv6 one (IPv4-mapped): addresses in that form are looked up as what they are, IPv4.
pub fn parse_prefix(text: &str) -> Result<IpNet, Fault> {
    let refusal = |sentence: &str| Fault::value(code::BAD_PREFIX, "", text, sentence);
    if let Some(net) = ipv6_prefix(text).and_then(|found| mapped(found.net())) {
        return Err(refusal(&format!("`{}` is IPv4-mapped; {net}?", excerpt(text))));
    }
    let v4 = ipv4_prefix(text).map(|found| found.map(IpNet::V4));
    match v4.or_else(|| ipv6_prefix(text).map(|found| found.map(IpNet::V6))) {
        Some(PrefixText::Plain(net) | PrefixText::Bare(net)) => Ok(net),
        Some(PrefixText::HostBits(net)) => {
            Err(refusal(&format!("`{}` has bits set beyond its length; {net}?", excerpt(text))))
        }
        None => Err(refusal(&format!("`{}` is no prefix", excerpt(text)))),
    }
}

/// The IPv4 prefix that is in an IPv4-mapped one (RFC 4291 §2.5.5.2).
fn mapped(net: Ipv6Net) -> Option<Ipv4Net> {
    let address = net.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, net.prefix_len().checked_sub(96)?).ok().map(|net| net.trunc())
}

impl<N> PrefixText<N> {
    fn net(self) -> N {
        let (Self::Plain(net) | Self::HostBits(net) | Self::Bare(net)) = self;
        net
    }

    pub(crate) fn map<M>(self, into: impl FnOnce(N) -> M) -> PrefixText<M> {
        match self {
            Self::Plain(net) => PrefixText::Plain(into(net)),
            Self::HostBits(net) => PrefixText::HostBits(into(net)),
            Self::Bare(net) => PrefixText::Bare(into(net)),
        }
    }
}

/// One to three digits without leading zeros.
fn prefix_length(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    if is_plain && !has_leading_zero { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7285 §10.4.1: the type ends at the first colon.
    #[test]
    fn the_type_ends_at_the_first_colon() {
        let address: TypedAddress = "ipv6:2001:DB8:0::1".parse().unwrap();
        assert_eq!(address.to_string(), "ipv6:2001:db8::1");
        assert_eq!("ipv4:192.0.2.1".parse(), Ok(TypedAddress([192, 0, 2, 1].into())));
        for text in ["192.0.2.1", "2001:db8::1", "::"] {
            assert!(matches!(text.parse::<TypedAddress>(), Err(AddressFault::Untyped(_))));
        }
        let unknown = "mac:00-11".parse::<TypedAddress>();
        assert!(matches!(unknown, Err(AddressFault::UnknownType(_))));
        for text in ["", "ipv4", "ipv4:", ":1", "ipv4:192.0.2", "ipv4:192.0.2.01", "ipv4:::1"] {
            let read = text.parse::<TypedAddress>();
            assert!(matches!(read, Err(AddressFault::Malformed(_))), "{text}");
        }
    }

    /// RFC 4632 §3.1, RFC 5952 §7: host bits are cleared.
    #[test]
    fn prefixes_are_strict_but_for_host_bits() {
        let net = |text: &str| text.parse::<Ipv4Net>().unwrap();
        assert_eq!(ipv4_prefix("10.0.0.0/8"), Some(PrefixText::Plain(net("10.0.0.0/8"))));
        assert_eq!(ipv4_prefix("10.1.0.0/8"), Some(PrefixText::HostBits(net("10.0.0.0/8"))));
        assert_eq!(ipv4_prefix("10.1.0.0"), Some(PrefixText::Bare(net("10.1.0.0/32"))));
        assert_eq!(ipv4_prefix("0.0.0.0/0"), Some(PrefixText::Plain(net("0.0.0.0/0"))));
        for bad in ["", "/", "10/8", "10.0.0/8", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/33"] {
            assert_eq!(ipv4_prefix(bad), None, "{bad}");
        }
        for bad in
            ["010.0.0.0/8", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/8/8", "::/0", "256.0.0.0/8"]
        {
            assert_eq!(ipv4_prefix(bad), None, "{bad}");
        }
        for bad in ["::/129", "fe80::1%eth0/64", "1.2.3.4/8", "2001:db8::/3 2"] {
            assert_eq!(ipv6_prefix(bad), None, "{bad}");
        }
        assert!(parse_prefix("2001:db8::1/32").unwrap_err().to_string().contains("2001:db8::/32"));
    }

    /// An IPv4 prefix has one form: in that of IPv6 it would never be looked up.
    #[test]
    fn mapped_prefixes_are_refused() {
        for (text, meant) in [
            ("::ffff:192.0.2.0/120", "192.0.2.0/24?"),
            ("::ffff:192.0.2.1", "192.0.2.1/32?"),
            ("::FFFF:c000:0201/120", "192.0.2.0/24?"),
            ("::ffff:0:0/96", "0.0.0.0/0?"),
        ] {
            let fault = parse_prefix(text).unwrap_err().to_string();
            assert!(fault.contains("IPv4-mapped") && fault.ends_with(meant), "{fault}");
        }
        for net in ["::/0", "::ffff:0:0/95", "::/96", "::192.0.2.0/120", "64:ff9b::/96"] {
            let is_mapped = |fault: Fault| fault.to_string().contains("mapped");
            assert!(!parse_prefix(net).is_err_and(is_mapped), "{net}");
        }
    }

    proptest! {
        /// What is written is read back.
        #[test]
        fn addresses_survive_being_written(address: IpAddr) {
            let typed = TypedAddress(address);
            prop_assert_eq!(typed.to_string().parse(), Ok(typed));
        }
    }
}
