//! Entity tags (RFC 9110, 8.8.3) and the conditions that use them.

use crate::fields::members;

/// The quoted part of a tag, with its weakness taken off. None if it is no entity tag.
fn opaque(tag: &str) -> Option<&str> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(quoted)
}

/// Whether an `If-None-Match` is met by what there is, that is whether the answer is 304: `*`, or a tag
/// of the list that is the same by the weak comparison.
#[must_use]
pub fn none_match_hits(if_none_match: &str, tag: Option<&str>) -> bool {
    if if_none_match.trim() == "*" {
        return true;
    }
    let Some(have) = tag.and_then(opaque) else {
        return false;
    };
    members(if_none_match)
        .into_iter()
        .any(|asked| opaque(asked) == Some(have))
}

/// Whether two tags are the same by the strong comparison: equal, and neither is weak.
#[must_use]
pub fn strongly_same(one: &str, other: &str) -> bool {
    one == other && !one.starts_with("W/") && opaque(one).is_some()
}

/// A weak tag made of the bytes it stands for (64-bit FNV-1a). It tells versions of one text apart; it
/// is no protection against somebody who looks for two texts with one tag.
#[must_use]
pub fn weak_of(bytes: &[u8]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("W/\"{hash:016x}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_match_compares_weakly() {
        assert!(none_match_hits(r#""a", W/"b,c""#, Some(r#""b,c""#)));
        assert!(none_match_hits(r#"W/"a""#, Some(r#"W/"a""#)));
        assert!(!none_match_hits(r#""a""#, Some(r#""b""#)));
        assert!(!none_match_hits("a", Some("a")), "that is no tag");
        assert!(!none_match_hits(r#""a""#, None));
        assert!(none_match_hits("*", None));
    }

    #[test]
    fn a_weak_tag_is_never_strongly_the_same() {
        assert!(strongly_same(r#""a""#, r#""a""#));
        assert!(!strongly_same(r#"W/"a""#, r#"W/"a""#));
        assert!(!strongly_same(
            "Sat, 29 Oct 1994 19:43:31 GMT",
            "Sat, 29 Oct 1994 19:43:31 GMT"
        ));
    }

    #[test]
    fn other_bytes_have_another_tag() {
        assert_eq!(weak_of(b""), "W/\"cbf29ce484222325\"");
        assert_ne!(weak_of(b"a"), weak_of(b"b"));
    }
}
