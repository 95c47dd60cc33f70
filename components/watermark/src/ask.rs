//! Whom to ask, and for what.

use waybook_http_rules::fields::{self, Fields};
use waybook_http_rules::media;

/// What could bring anything but the whole of it in plain text. Conditions are among them because they
/// are about what this component sends, not about what the origin has.
pub const PARTIAL: [&str; 7] = [
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "accept-encoding",
];

/// What an origin says of its own bytes, and is not true of others.
pub const OF_THE_BYTES: [&str; 8] = [
    "etag",
    "last-modified",
    "accept-ranges",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "content-length",
];

/// The scheme and authority of a URL such as `http://next`; a path after them is ignored.
///
/// # Errors
/// It is not such a URL; the text says what would be right.
pub fn next(url: &str) -> Result<(&str, &str), String> {
    let wrong = || format!("the setting next is {url:?}; a URL such as http://next would be right");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let known = ["http", "https"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known));
    match known {
        Some(scheme) if !authority.is_empty() => Ok((scheme, authority)),
        _ => Err(wrong()),
    }
}

/// Whether the path's end alone tells that this is something to write on, so that it is asked for whole
/// at once and not only when the answer shows it.
#[must_use]
pub fn by_name(path_with_query: &str) -> bool {
    media::extension(path_with_query)
        .is_some_and(|e| ["m3u8", "vtt", "html", "htm", "txt"].contains(&e.as_str()))
}

/// What is to be done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Passed on as it is.
    Foreign,
    /// Written on.
    Ours,
    /// Asked for once more: it would be written on, but is a part, or not plain text.
    Partial,
}

/// Judges an answer by its status and headers. `writes` says whether something would be put into it.
#[must_use]
pub fn judge(status: u16, answer: &Fields, writes: bool) -> Answered {
    let plain = media::is_plain(fields::first(answer, "content-encoding"));
    match status {
        _ if !writes => Answered::Foreign,
        206 => Answered::Partial,
        // These have no body.
        204 | 205 => Answered::Foreign,
        200..=299 if plain => Answered::Ours,
        200..=299 => Answered::Partial,
        _ => Answered::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_is_a_url() {
        assert_eq!(next("http://next"), Ok(("http", "next")));
        assert_eq!(
            next("HTTPS://next:8443/ignored"),
            Ok(("https", "next:8443"))
        );
        for wrong in ["next", "http://", "ftp://next", "://next", ""] {
            assert!(next(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_whole_plain_answers_are_written_on() {
        let gzip = vec![("content-encoding".to_owned(), b"gzip".to_vec())];
        assert_eq!(judge(200, &Fields::new(), true), Answered::Ours);
        assert_eq!(judge(200, &Fields::new(), false), Answered::Foreign);
        assert_eq!(judge(206, &Fields::new(), true), Answered::Partial);
        assert_eq!(judge(200, &gzip, true), Answered::Partial);
        assert_eq!(judge(304, &Fields::new(), true), Answered::Foreign);
        assert_eq!(judge(404, &Fields::new(), true), Answered::Foreign);
    }

    #[test]
    fn names_tell() {
        assert!(by_name("/a/b.VTT?x=1"));
        assert!(!by_name("/a/b.ts"));
    }
}
