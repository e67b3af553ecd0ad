//! What DHCP servers reply and what clients keep of it: refused, or names that may be asked for. An octet stands
//! before a reply; a file is the whole input.
#![no_main]

use std::net::Ipv4Addr;

use alto_discovery::whoami::lease::{self, Facts};
use alto_discovery::whoami::{Domain, dhcp4, dhcp6};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((_, raw)) = data.split_first() else { return };
    let id = raw.get(4..8).and_then(|id| id.try_into().ok()).map_or(0, u32::from_be_bytes);
    let asker = dhcp4::Asker { id, address: Ipv4Addr::LOCALHOST, hardware: None };
    if let Some(Ok(facts)) = dhcp4::answer(raw, &asker) {
        check(&facts);
    }
    let id = raw.get(..4).and_then(|id| id.try_into().ok()).map_or(0, u32::from_be_bytes);
    if let Some(Ok(facts)) = dhcp6::answer(raw, id) {
        check(&facts);
    }
    for lease in lease::read(data, Some(1)).into_iter().flatten() {
        check(&lease.facts);
        assert!(lease.interface.is_none_or(|name| (1..=15).contains(&name.len()) && !name.contains('/')));
    }
});

/// A name has one form, is safe to print, and has two labels at least.
fn check(facts: &Facts) {
    for domain in [&facts.access_domain, &facts.domain_name].into_iter().flatten().flatten() {
        let text = domain.as_str();
        assert!(text.len() <= 254 && text.matches('.').count() >= 2 && text.ends_with('.'));
        assert!(text.bytes().all(|octet| octet.is_ascii_graphic() && !octet.is_ascii_uppercase()));
        assert_eq!(text.parse::<Domain>().and_then(Domain::handed_out).as_ref(), Ok(domain));
    }
}
