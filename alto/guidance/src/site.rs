//! Which hosts the links of a server's directories may lead to. Pure.

use url::{Host, Url};

use crate::config::Links;
use crate::error::{Error, Fault};

/// The hosts that count as a server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// `None` if links may lead anywhere.
    hosts: Option<Vec<Host>>,
}

impl Site {
    /// The site of a server whose root directory came from `root`: after a redirect that is another
    /// host than the one asked, and both count (RFC 7285 §8.5.3).
    pub(crate) fn new(links: Links, server: &Url, root: &Url) -> Self {
        let hosts = || [server, root].into_iter().filter_map(host).collect();
        Self { hosts: (links == Links::SameSite).then(hosts) }
    }

    /// Refuses a link that leads elsewhere; `base` is the directory that has it.
    pub(crate) fn check(&self, base: &Url, link: &Url) -> Result<(), Error> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let is_own = host(link).is_some_and(|host| hosts.iter().any(|own| is_within(&host, own)));
        if is_own {
            return Ok(());
        }
        Err(Error::new(base, Fault::OtherSite(link.as_str().into())))
    }
}

/// Whether a host is this one or has a name below its name, as in RFC 7285 §9.2.4, where
/// `alto.example.com` links to `custom.alto.example.com`. Names beside or above it may be anybody's.
fn is_within(host: &Host, site: &Host) -> bool {
    match (host, site) {
        (Host::Domain(host), Host::Domain(site)) => {
            host.strip_suffix(&**site).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        (host, site) => host == site,
    }
}

/// The host, its name without the final dot.
fn host(uri: &Url) -> Option<Host> {
    Some(match uri.host()? {
        Host::Domain(name) => Host::Domain(name.strip_suffix('.').unwrap_or(name).to_owned()),
        Host::Ipv4(address) => Host::Ipv4(address),
        Host::Ipv6(address) => Host::Ipv6(address),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn allowed(server: &str, link: &str) -> bool {
        let server = uri(server);
        let allowed = |links| Site::new(links, &server, &server).check(&server, &uri(link)).is_ok();
        assert!(allowed(Links::Any), "any is any: {link}");
        allowed(Links::SameSite)
    }

    /// RFC 7285 §9.2.4: a directory may hand on to a host below its own. Ports, case, a final dot and
    /// the scheme make no other site; a name that only ends alike, a sibling, the name above and any
    /// other spelling of an address do.
    #[test]
    fn the_same_site_is_the_host_and_what_is_below_it() {
        let server = "https://alto.example.com/directory";
        for link in [
            "https://alto.example.com/maps",
            "https://custom.alto.example.com/maps",
            "https://a.b.custom.alto.example.com:8443/",
            "https://ALTO.example.com./",
            "http://alto.example.com/",
        ] {
            assert!(allowed(server, link), "{link}");
        }
        for link in [
            "https://example.com/",
            "https://maps.example.com/",
            "https://notalto.example.com/",
            "https://alto.example.com.evil.example/",
            "https://alto.example.comm/",
            "https://com/",
            "https://192.0.2.1/",
            "https://[2001:db8::1]/",
            "mailto:alto@alto.example.com",
        ] {
            assert!(!allowed(server, link), "{link}");
        }
    }

    /// An address has nothing below it.
    #[test]
    fn addresses_are_sites_of_their_own() {
        for (server, same, other) in [
            ("https://192.0.2.1/", "https://192.0.2.1:8443/x", "https://1.192.0.2/"),
            ("https://192.0.2.1/", "https://0xc0000201/", "https://192.0.2.11/"),
            ("https://[2001:db8::1]/", "https://[2001:db8:0::1]/", "https://[2001:db8::2]/"),
            ("https://alto.example./", "https://alto.example/", "https://192.0.2.1/"),
        ] {
            assert!(allowed(server, same), "{server} to {same}");
            assert!(!allowed(server, other), "{server} to {other}");
        }
    }

    /// The server that was asked and the one that its root directory came from are both its own.
    #[test]
    fn a_redirected_root_has_two_hosts() {
        let (server, root) = (uri("https://alto.example/"), uri("https://b.example.net/ird"));
        let site = Site::new(Links::SameSite, &server, &root);
        for (link, fine) in [
            ("https://alto.example/map", true),
            ("https://b.example.net/map", true),
            ("https://x.b.example.net/map", true),
            ("https://example.net/map", false),
        ] {
            assert_eq!(site.check(&root, &uri(link)).is_ok(), fine, "{link}");
        }
    }
}
