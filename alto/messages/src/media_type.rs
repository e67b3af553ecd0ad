//! The media types of RFC 7285 §14.1, and which of them an answer says it is.

use std::fmt;

use crate::fault::{Fault, Parsed, code, excerpt};
use crate::options::{Report, Strictness};

/// A media type of RFC 7285.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// An information resource directory (§9.2).
    Directory,
    /// A network map, whole or filtered (§11.2.1).
    NetworkMap,
    /// What to keep of a network map (§11.3.1).
    NetworkMapFilter,
    /// A cost map, whole or filtered (§11.2.3).
    CostMap,
    /// What to keep of a cost map (§11.3.2).
    CostMapFilter,
    /// Properties of endpoints (§11.4).
    EndpointProperties,
    /// Which properties of which endpoints (§11.4).
    EndpointPropertyParams,
    /// Costs between endpoints (§11.5).
    EndpointCosts,
    /// Costs between which endpoints (§11.5).
    EndpointCostParams,
    /// Why a request failed (§8.5).
    Error,
}

impl MediaType {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Directory,
        Self::NetworkMap,
        Self::NetworkMapFilter,
        Self::CostMap,
        Self::CostMapFilter,
        Self::EndpointProperties,
        Self::EndpointPropertyParams,
        Self::EndpointCosts,
        Self::EndpointCostParams,
        Self::Error,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "application/alto-directory+json",
            Self::NetworkMap => "application/alto-networkmap+json",
            Self::NetworkMapFilter => "application/alto-networkmapfilter+json",
            Self::CostMap => "application/alto-costmap+json",
            Self::CostMapFilter => "application/alto-costmapfilter+json",
            Self::EndpointProperties => "application/alto-endpointprop+json",
            Self::EndpointPropertyParams => "application/alto-endpointpropparams+json",
            Self::EndpointCosts => "application/alto-endpointcost+json",
            Self::EndpointCostParams => "application/alto-endpointcostparams+json",
            Self::Error => "application/alto-error+json",
        }
    }

    /// The media type of that name, in any case of letters (RFC 9110 §8.3.1).
    pub fn named(essence: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(essence))
    }

    /// Which of the `expected` types a body is, by its Content-Type: never by what the directory
    /// advertised (RFC 7285 §8.3.4.2). An error body is always expected.
    ///
    /// A generic type (`application/json`, or none at all) is forgiven and taken for the first of
    /// the expected ones.
    ///
    /// # Errors
    /// If it is none of them; the sentence names what came instead.
    pub fn of_body(
        content_type: Option<&str>,
        expected: &[Self],
        strictness: Strictness,
    ) -> Result<Parsed<Self>, Fault> {
        let mut report = Report::new(strictness);
        let header = content_type.map(ContentType::parse);
        let message = match header.as_ref().and_then(|header| Self::named(&header.essence)) {
            Some(kind) if kind == Self::Error || expected.contains(&kind) => kind,
            _ => Self::if_generic(header.as_ref(), expected, &mut report)?,
        };
        if let Some(header) = &header {
            header.judge_parameters(&mut report)?;
        }
        Ok(Parsed { message, warnings: report.into_warnings() })
    }

    fn if_generic(
        header: Option<&ContentType>,
        expected: &[Self],
        report: &mut Report,
    ) -> Result<Self, Fault> {
        let found = header.map_or("nothing", |header| &header.essence);
        let wanted: Vec<_> = expected.iter().map(|kind| kind.as_str()).collect();
        let sentence =
            format!("the media type is {} where {} is due", excerpt(found), wanted.join(" or "));
        match (header, expected.first()) {
            (None, Some(kind)) => {
                report.forgive(refusal(code::GENERIC_MEDIA_TYPE, found, sentence))?;
                Ok(*kind)
            }
            (Some(header), Some(kind)) if header.essence == "application/json" => {
                report.forgive(refusal(code::GENERIC_MEDIA_TYPE, found, sentence))?;
                Ok(*kind)
            }
            _ => Err(refusal(code::MEDIA_TYPE, found, sentence)),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Content-Type header, taken apart (RFC 9110 §8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// Type and subtype, in lower case.
    pub essence: String,
    /// Names in lower case, and values without quotes.
    pub parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Takes a header's value apart. Whatever is malformed ends up in a part that matches nothing.
    pub fn parse(header: &str) -> Self {
        let mut parts = split_outside_quotes(header);
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = parts.filter(|part| !part.trim().is_empty()).map(parameter).collect();
        Self { essence, parameters }
    }

    /// The media types of RFC 7285 have no parameters. `charset=utf-8` says what is so anyway;
    /// another charset is a contradiction (RFC 8259 §8.1).
    fn judge_parameters(&self, report: &mut Report) -> Result<(), Fault> {
        for (name, value) in &self.parameters {
            let is_unicode = ["utf-8", "utf8", "us-ascii"].contains(&&*value.to_ascii_lowercase());
            if name == "charset" && !is_unicode {
                let sentence = format!("the charset is {} where UTF-8 is due", excerpt(value));
                report.forgive(refusal(code::FOREIGN_CHARSET, value, sentence))?;
            } else {
                report.note(code::MEDIA_TYPE_PARAMETER, || {
                    let sentence = format!("the media type has no parameter {}", excerpt(name));
                    refusal(code::MEDIA_TYPE_PARAMETER, name, sentence)
                });
            }
        }
        Ok(())
    }
}

fn refusal(code: &'static str, value: &str, sentence: String) -> Fault {
    Fault::value(code, "", value, sentence)
}

fn split_outside_quotes(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    header.split(move |character| {
        let is_literal = escaped;
        escaped = quoted && !is_literal && character == '\\';
        quoted ^= character == '"' && !is_literal;
        character == ';' && !quoted
    })
}

fn parameter(part: &str) -> (String, String) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let value = value.trim();
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (name.trim().to_ascii_lowercase(), bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(header: Option<&str>) -> Result<Parsed<MediaType>, Fault> {
        MediaType::of_body(header, &[MediaType::CostMap], Strictness::Lenient)
    }

    fn strict(header: Option<&str>) -> Result<Parsed<MediaType>, Fault> {
        MediaType::of_body(header, &[MediaType::CostMap], Strictness::Strict)
    }

    /// RFC 7285 §8.3.4.2: the Content-Type decides; letters' case and spaces do not matter.
    #[test]
    fn the_content_type_decides() {
        let found = strict(Some("Application/ALTO-costmap+json ; ")).unwrap();
        assert_eq!((found.message, found.warnings.len()), (MediaType::CostMap, 0));
        let found = strict(Some("application/alto-error+json")).unwrap();
        assert_eq!(found.message, MediaType::Error);
        assert_eq!(
            strict(Some("application/alto-networkmap+json")).unwrap_err().code(),
            code::MEDIA_TYPE
        );
    }

    /// Seen in other servers: `application/json`, no type at all.
    #[test]
    fn a_generic_type_is_forgiven_by_the_lenient() {
        for header in [Some("application/json"), None] {
            assert_eq!(strict(header).unwrap_err().code(), code::GENERIC_MEDIA_TYPE);
            let found = lenient(header).unwrap();
            assert_eq!(found.message, MediaType::CostMap);
            assert_eq!(found.warnings[0].code(), code::GENERIC_MEDIA_TYPE);
        }
    }

    /// Seen in other servers: HTML error pages, multipart answers.
    #[test]
    fn other_types_are_named_and_refused() {
        for header in ["text/html; charset=utf-8", "multipart/related; boundary=x", "", ";"] {
            let fault = lenient(Some(header)).unwrap_err();
            assert_eq!(fault.code(), code::MEDIA_TYPE);
            let essence = header.split(';').next().unwrap();
            assert!(fault.to_string().contains(&format!("is {essence} where")), "{fault}");
        }
    }

    /// Seen in other servers: `charset` parameters.
    #[test]
    fn a_charset_is_noted_and_a_foreign_one_refused() {
        let with = |charset: &str| {
            format!("application/alto-costmap+json;x=\"a;\\\"b\";charset={charset}")
        };
        let found = strict(Some(&with("\"UTF-8\""))).unwrap();
        assert_eq!(
            (found.warnings[0].code(), found.warnings[0].count),
            (code::MEDIA_TYPE_PARAMETER, 2)
        );
        assert_eq!(strict(Some(&with("latin1"))).unwrap_err().code(), code::FOREIGN_CHARSET);
        assert_eq!(
            lenient(Some(&with("latin1"))).unwrap().warnings[1].code(),
            code::FOREIGN_CHARSET
        );
    }
}
