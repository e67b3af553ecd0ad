//! `alto explain`: what the codes of findings and errors mean.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::Failure;
use crate::report::Status;

/// A code, and what there is to say about it.
struct Entry {
    code: &'static str,
    means: &'static str,
    mend: &'static str,
    source: &'static str,
}

/// Prints what there is to say about a code, or about all.
pub(crate) fn run(code: Option<&str>) -> Result<Status, Failure> {
    let wanted: Vec<&Entry> =
        ENTRIES.iter().filter(|entry| code.is_none_or(|code| is(entry, code))).collect();
    if wanted.is_empty() {
        return Err(Failure::Usage(no_such(code.unwrap_or_default())));
    }
    let text = wanted.iter().fold(String::new(), |mut text, entry| {
        let Entry { code, means, mend, source } = entry;
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{gap}{code}\n  {means}\n  To mend it: {mend}\n  See: {source}");
        text
    });
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Status::Found)
}

fn is(entry: &Entry, code: &str) -> bool {
    entry.code.eq_ignore_ascii_case(code.trim())
}

/// Names the nearest code, or all if none is near.
fn no_such(code: &str) -> String {
    let lower = code.trim().to_ascii_lowercase();
    let near = ENTRIES.iter().map(|entry| (edits(entry.code, &lower), entry.code)).min();
    if let Some((edits, nearest)) = near.filter(|(edits, _)| *edits <= 1 + lower.len() / 4) {
        debug_assert!(edits > 0, "it would have been found");
        return format!("no code `{code}`; did you mean `{nearest}`?");
    }
    let codes: Vec<&str> = ENTRIES.iter().map(|entry| entry.code).collect();
    format!("no code `{code}`; there are: {}", codes.join(", "))
}

/// How many letters must be put in, left out or replaced to make one word of the other.
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (nth, letter) in (1..).zip(one.chars()) {
        let mut diagonal = std::mem::replace(&mut row[0], nth);
        for (at, second) in (1..).zip(other.chars()) {
            let replaced = diagonal + usize::from(letter != second);
            diagonal = row[at];
            row[at] = replaced.min(row[at] + 1).min(row[at - 1] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

const fn entry(
    code: &'static str,
    means: &'static str,
    mend: &'static str,
    source: &'static str,
) -> Entry {
    Entry { code, means, mend, source }
}

const ENTRIES: &[Entry] = &[
    entry(
        "both-fields",
        "The record has a regexp and a replacement. Only one of them may be set, so it is ignored.",
        "keep the regexp with the URI, and write . as the replacement.",
        "RFC 3403 §4.1",
    ),
    entry(
        "depth",
        "Records with empty flags lead from name to name more than five times. Nobody follows further.",
        "let the first name hold the server's record, or shorten the chain.",
        "RFC 4848 §4.4; the limit is ours, since the texts set none",
    ),
    entry(
        "directory",
        "What is behind the URI of a record is no ALTO directory, cannot be fetched, or has maps that do \
         not fit together.",
        "look at it with `alto map URI`.",
        "RFC 7285 §9",
    ),
    entry(
        "dnssec",
        "The records are not signed, or their signatures are wrong. Unsigned, whoever can forge DNS can \
         send trackers to a server of their own; wrong, nobody who validates finds a server. Of `doctor`: \
         whether a resolver validates, and whether its word can be believed.",
        "sign the reverse zone, and hand its DS record to the zone above.",
        "RFC 8686 §6.1",
    ),
    entry(
        "flag",
        "The record's flag is none that leads to a URI: \"u\" does, and empty flags lead to another name. \
         \"s\" and \"a\" lead to hosts, other letters to nothing.",
        "write \"u\".",
        "RFC 4848 §4.4, RFC 8686 §3.1",
    ),
    entry(
        "hole",
        "Addresses of the prefix find no server: their names, and those of the /24, /16 and /8 (of IPv6 \
         /64, /56, /48, /40 and /32) around them, have no record that can be used.",
        "append what `alto zone` writes for the prefix to the reverse zone.",
        "RFC 8686 §3.4",
    ),
    entry(
        "loop",
        "Records with empty flags lead back to where they came from.",
        "let one of the names hold the server's record.",
        "RFC 3958 §2.2.4, RFC 4848 §4.4",
    ),
    entry(
        "order",
        "The records of a name have several orders, or two have the same order and preference. A strict \
         reader takes the first order alone; among equals clients differ.",
        "give all the same order, and each its own preference, the lowest to the best.",
        "RFC 3403 §4.1, RFC 3958 §2.2.4",
    ),
    entry(
        "overreach",
        "The record that speaks for the prefix stands at a name of a larger one, whose other holders it \
         speaks for too.",
        "if that is not agreed, write records for the prefix alone with `alto zone`.",
        "RFC 8686 §5.2.1",
    ),
    entry(
        "policy",
        "The URI leads to where no tracker connects: a private or otherwise special address, or a port \
         below 1024 other than 443.",
        "name a server that everybody can reach.",
        "SECURITY.md",
    ),
    entry(
        "regexp",
        "The regexp is not of the form !.*!URI!, the only one that is read; regular expressions from the \
         network are never run. Nor may a record with empty flags have one.",
        "write !.*!https://SERVER/PATH! with %21 for an exclamation mark in the path.",
        "RFC 4848 §2.2",
    ),
    entry(
        "scheme",
        "The URI's scheme is not the protocol that the record offers or that trackers look for.",
        "serve the directory over https, and say ALTO:https.",
        "RFC 4848 §2.2, RFC 8686 §3.1",
    ),
    entry(
        "service",
        "The services field looks as if ALTO were meant, but is not ALTO:https: trackers pass it over.",
        "write \"ALTO:https\".",
        "RFC 4848 §4.5, RFC 7286 §5",
    ),
    entry(
        "target",
        "A record with empty flags leads to a name that has no record of use.",
        "put the server's record there, or into the record that leads there.",
        "RFC 3958 §2.2.4",
    ),
    entry(
        "ttl",
        "Records, or denials, may be remembered for less than a minute, so that each tracker asks again \
         and again, or for more than a day, which trackers do not. Through a resolver one sees what is \
         left of a TTL: ask a name server of the zone (--resolver) to be sure.",
        "publish with a TTL of an hour; for denials the last number of the SOA record counts.",
        "RFC 8686 §5.2.1, RFC 2308 §5",
    ),
    entry(
        "unavailable",
        "Nobody could tell what the name holds. Trackers take that for an outage, and ask again later.",
        "ask each name server of the zone.",
        "RFC 8686 §3.5",
    ),
    entry(
        "uri",
        "What stands between the delimiters is no URI that anybody looks at.",
        "write scheme, host and path; no user, no fragment, no white space.",
        "RFC 3986",
    ),
    entry(
        "wildcard-hidden",
        "A wildcard names a server, but does not answer for names that exist, such as those of hosts that \
         have a PTR record, nor for names below those. They do not find it.",
        "put the record at the name above the wildcard as well, where each walk comes by.",
        "RFC 4592 §2.2.1, RFC 8686 §5.2.1",
    ),
    entry(
        "bogus",
        "The data should be authentic and is not: somebody forged it, or its signatures ran out.",
        "if it is your zone, sign it again; if it is not, tell its holder. See also `dnssec`.",
        "RFC 4033 §5, RFC 8914 §4",
    ),
    entry(
        "config",
        "A key of the configuration, or its value, is wrong.",
        "the message names the key and what is wanted.",
        "docs/operations.md",
    ),
    entry(
        "internal",
        "Something happened that must not.",
        "report it, with what `--explain` says.",
        "CONTRIBUTING.md",
    ),
    entry(
        "invalid-input",
        "What was given is neither an address nor a prefix.",
        "write 198.51.100.7, 198.51.100.0/24, 2001:db8::1 or 2001:db8::/32.",
        "RFC 8686 §3.1",
    ),
    entry(
        "invalid-service",
        "The service parameter is none.",
        "write SERVICE[:PROTOCOL]..., such as ALTO:https.",
        "RFC 4848 §4.5",
    ),
    entry(
        "limit-reached",
        "A limit of ours on questions was reached. Nothing is known of the peer; the next try asks again.",
        "raise dns.zone_qps, dns.total_qps or dns.in_flight if the load is meant.",
        "docs/operations.md",
    ),
    entry(
        "not-global",
        "The address means nothing outside its own network, so nobody outside can be asked about it.",
        "--allow-private or --allow-documentation, with a resolver that knows the address space.",
        "RFC 8686 §5.1.3",
    ),
    entry(
        "refused-by-policy",
        "A server was named that may not be contacted. See also `policy`.",
        "--allow-private, if it is in your own network.",
        "SECURITY.md",
    ),
    entry(
        "timeout",
        "No reply came in time. That says nothing about the peer; try again.",
        "see `alto doctor`; dns.timeout and discovery.timeout bound the wait.",
        "RFC 8686 §3.5",
    ),
    entry(
        "unknown-peer",
        "The ALTO servers that were asked redirect others, but do not know this peer. That is no proof that \
         nobody speaks for it.",
        "name other servers in redirect.servers, or ask DNS too: --backend redirect --backend dns.",
        "docs/approaches.md",
    ),
    entry(
        "redirect-loop",
        "Servers send whoever asks in a circle: two of them name each other.",
        "tell their operators; `--explain` shows who named whom.",
        "RFC 7285 §8.5.3",
    ),
    entry(
        "too-many-redirects",
        "Servers sent on more than five times.",
        "start nearer to the server that speaks for the peer.",
        "docs/approaches.md",
    ),
    entry(
        "starting-server",
        "Of `doctor`: whether a server of redirect.servers can be asked who speaks for a peer.",
        "name one that redirects, such as `alto serve --neighbours`.",
        "docs/approaches.md",
    ),
    entry(
        "unreachable",
        "The resolver, or a server on the way, cannot be reached.",
        "see `alto doctor`.",
        "docs/operations.md",
    ),
    entry(
        "unsupported-prefix-length",
        "The prefix is shorter than the procedure knows: /8 for IPv4, /32 for IPv6.",
        "ask for its parts.",
        "RFC 8686 §3.2",
    ),
    entry(
        "upstream-failure",
        "The resolver replied, but not with an answer: SERVFAIL, REFUSED, or what cannot be read.",
        "see `alto doctor`, and the resolver's log.",
        "RFC 8686 §3.5",
    ),
    entry(
        "clock",
        "Our clock is outside the validity of the root zone's signatures.",
        "set the clock, and keep it set by NTP.",
        "RFC 4035 §5.3.1",
    ),
    entry(
        "recursion",
        "The resolver answers from its own zones only.",
        "name a recursive resolver in dns.resolver, unless it is for a test.",
        "RFC 1034 §4.3.1",
    ),
    entry(
        "resolver",
        "Whether the resolver replies.",
        "start it, let UDP through to it, or name another one in dns.resolver.",
        "docs/operations.md",
    ),
    entry(
        "reverse-tree",
        "Whether in-addr.arpa. and ip6.arpa. resolve: without them no server is found.",
        "look at the resolver's log, forwarders and local zones.",
        "RFC 3172, RFC 3596 §2.5",
    ),
    entry(
        "tcp",
        "Whether the resolver replies over TCP, which answers of more than 1,232 octets need.",
        "let TCP through to the resolver.",
        "RFC 7766",
    ),
    entry(
        "zone",
        "The resolver answers a zone of private or documentation addresses itself, so that what is \
         published there is never seen.",
        "tell it not to: local-zone ... nodefault in Unbound, disable-empty-zone in BIND.",
        "RFC 6303",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery::code;

    /// What `alto discover` says when it finds nothing is explained too.
    #[test]
    fn the_codes_of_discover() {
        for code in [
            code::BOGUS,
            code::CONFIG,
            code::INTERNAL,
            code::INVALID_INPUT,
            code::INVALID_SERVICE,
            code::LIMIT,
            code::NOT_GLOBAL,
            code::POLICY,
            code::TIMEOUT,
            code::UNREACHABLE,
            code::UNSUPPORTED_PREFIX_LENGTH,
            code::UPSTREAM_FAILURE,
        ] {
            assert!(ENTRIES.iter().any(|entry| entry.code == code), "{code}");
        }
    }

    #[test]
    fn typing_errors() {
        for (typed, nearest) in
            [("hoel", "hole"), ("Regexpp", "regexp"), ("wildcard_hidden", "wildcard-hidden")]
        {
            let told = no_such(typed);
            assert!(told.ends_with(&format!("did you mean `{nearest}`?")), "{told}");
        }
        assert!(no_such("something else").contains("there are: both-fields, "));
        assert!(ENTRIES.iter().any(|entry| is(entry, "Wildcard-HIDDEN")));
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn each_code_is_there_once() {
        let mut codes: Vec<&str> = ENTRIES.iter().map(|entry| entry.code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
