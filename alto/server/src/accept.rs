//! What a client accepts and what it holds already: Accept and If-None-Match (RFC 9110 §12.5.1,
//! §13.1.2).

/// Whether an answer of this media type may be sent. Without a header, or with an empty one, all
/// may be.
pub(crate) fn accepts(header: Option<&str>, media_type: &str) -> bool {
    let header = header.unwrap_or_default();
    let ranges = || header.split(',').map(str::trim).filter(|range| !range.is_empty());
    let matching = ranges().filter_map(|range| weigh(range, media_type));
    let most_specific = matching.max_by_key(|(specificity, _)| *specificity);
    most_specific.map_or(ranges().next().is_none(), |(_, quality)| quality > 0.0)
}

/// Whether the media type is named as welcome, not only covered by a range: so does a client that is
/// prepared for it (RFC 7285 §8.3.4.2).
pub(crate) fn names(header: Option<&str>, media_type: &str) -> bool {
    let ranges = header.unwrap_or_default().split(',').map(str::trim);
    let mut weights = ranges.filter_map(|range| weigh(range, media_type));
    weights.any(|(specificity, quality)| specificity == 2 && quality > 0.0)
}

/// How specifically a range names the media type, and how welcome that is; `None` if not at all.
fn weigh(range: &str, media_type: &str) -> Option<(u8, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next()?;
    let (kind, _) = media_type.split_once('/')?;
    let specificity = if name == "*/*" {
        0
    } else if name.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(kind)) {
        1
    } else if name.eq_ignore_ascii_case(media_type) {
        2
    } else {
        return None;
    };
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().ok() } else { None }
    });
    Some((specificity, quality.unwrap_or(1.0)))
}

/// Whether the client holds this version, by weak comparison.
pub(crate) fn holds(if_none_match: Option<&str>, etag: &str) -> bool {
    let header = if_none_match.unwrap_or_default().trim();
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/") == etag;
    header == "*" || header.split(',').any(opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "application/alto-networkmap+json";

    /// The most specific range decides; quality zero means no.
    #[test]
    fn the_most_specific_range_decides() {
        for welcome in [
            "*/*",
            "application/*",
            "text/html, application/ALTO-networkmap+json;q=0.1, application/alto-error+json",
            "application/alto-networkmap+json, */*;q=0",
            "application/alto-networkmap+json; charset=utf-8",
            "",
        ] {
            assert!(accepts(Some(welcome), MAP), "{welcome}");
        }
        assert!(accepts(None, MAP));
        for unwelcome in [
            "application/alto-costmap+json",
            "text/*",
            "application/alto-networkmap+json;q=0",
            "*/*, application/alto-networkmap+json; Q = 0.0",
            "application/json",
        ] {
            assert!(!accepts(Some(unwelcome), MAP), "{unwelcome}");
        }
    }

    /// RFC 7285 §8.3.4.2: a client that takes a directory instead says so by naming it.
    #[test]
    fn what_is_named_is_prepared_for() {
        const DIRECTORY: &str = "application/alto-directory+json";
        let both = format!("{MAP}, Application/Alto-Directory+JSON; q=0.5");
        assert!(names(Some(&both), DIRECTORY) && names(Some(&both), MAP));
        for other in [None, Some("*/*, application/*"), Some(MAP), Some("")] {
            assert!(!names(other, DIRECTORY), "{other:?}");
        }
        assert!(!names(Some(&format!("*/*, {DIRECTORY};q=0")), DIRECTORY));
    }

    /// RFC 9110 §13.1.2: any of a list, strong or weak, or a star.
    #[test]
    fn any_tag_of_a_list_matches() {
        for held in [r#""abc""#, r#"W/"abc""#, r#""x", "abc""#, "*"] {
            assert!(holds(Some(held), r#""abc""#), "{held}");
        }
        for other in [r#""ab""#, "abc", "", r#""x","y""#] {
            assert!(!holds(Some(other), r#""abc""#), "{other}");
        }
        assert!(!holds(None, r#""abc""#));
    }
}
