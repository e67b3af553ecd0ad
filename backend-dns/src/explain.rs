//! What a walk tells people about each name.

use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock};

use crate::fact::{Content, Failure};
use crate::naptr::{LeadsTo, Naptr, Taken, Verdict};
use crate::service::Wanted;
use crate::walk::MAX_SERVERS;

/// A matching record whose name is not asked for.
#[derive(Debug)]
pub(crate) enum Dropped {
    /// The chain is at its longest.
    TooDeep(Arc<str>),
    /// The name was visited before.
    Loop(Arc<str>),
    /// There are more servers than an answer holds.
    Crowd,
}

/// Nothing at the name.
pub(crate) fn absence(content: &Content) -> Arc<str> {
    static NO_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "no such name".into());
    static NO_RECORDS: LazyLock<Arc<str>> = LazyLock::new(|| "no NAPTR records".into());
    match content {
        Content::NoName => NO_NAME.clone(),
        _ => NO_RECORDS.clone(),
    }
}

/// No answer.
pub(crate) fn failure(failure: &Failure) -> Arc<str> {
    failure.to_string().into()
}

/// Records that do not count.
pub(crate) fn unauthenticated(count: usize) -> Arc<str> {
    format!("{} not used: not authenticated by DNSSEC", Count(count)).into()
}

/// Records, and what was made of each: the taken ones best first, then the others.
pub(crate) fn records(
    records: &[Naptr],
    verdict: &Verdict,
    wanted: Wanted<'_>,
    dropped: &[Dropped],
) -> Arc<str> {
    let mut text = String::with_capacity(96);
    let _ = write!(text, "{}, {} taken for {wanted}", Count(records.len()), verdict.taken.len()); // a String takes all
    for Taken { order, preference, leads_to } in &verdict.taken {
        let _ = match leads_to {
            LeadsTo::Server(uri) => write!(text, "\ntaken: {order} {preference} {uri}"),
            LeadsTo::Name(name) => write!(text, "\ngoes on at {name} ({order} {preference})"),
        };
    }
    for refused in &verdict.refused {
        let record = records.get(refused.index).map(Shown);
        let _ = write!(
            text,
            "\nrefused: {}: {}",
            record.as_ref().map_or(&"" as &dyn fmt::Display, |shown| shown),
            refused.why
        );
    }
    for dropped in dropped {
        let _ = match dropped {
            Dropped::TooDeep(name) => write!(text, "\nnot followed: {name}: the chain is too long"),
            Dropped::Loop(name) => write!(text, "\nnot followed: {name}: visited before"),
            Dropped::Crowd => {
                write!(text, "\nnot kept: whatever comes after {MAX_SERVERS} servers")
            }
        };
    }
    text.into()
}

struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} NAPTR record{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A record as in a master file; what is not plain ASCII is escaped.
struct Shown<'r>(&'r Naptr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Naptr { order, preference, flags, services, regexp, replacement } = self.0;
        write!(f, "{order} {preference} ")?;
        for text in [flags, services, regexp] {
            write!(f, "\"{}\" ", text.escape_ascii())?;
        }
        f.write_str(replacement)
    }
}
