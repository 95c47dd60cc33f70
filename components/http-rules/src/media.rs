//! What kind of thing a message carries, by its content type or by the end of its path.

/// The type and subtype of a `Content-Type`, in small letters and without parameters.
#[must_use]
pub fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether it is the type of an HLS playlist: that of RFC 8216, section 10, or one of those that were
/// used before it.
#[must_use]
pub fn is_playlist(essence: &str) -> bool {
    matches!(
        essence,
        "application/vnd.apple.mpegurl"
            | "application/mpegurl"
            | "application/x-mpegurl"
            | "audio/mpegurl"
            | "audio/x-mpegurl"
    )
}

/// The path's last extension in small letters, without the query: `m3u8` of `/a/b.M3U8?x=.ts`.
#[must_use]
pub fn extension(path_with_query: &str) -> Option<String> {
    let path = path_with_query.split(['?', '#']).next()?;
    let name = path.rsplit('/').next()?;
    let (_, extension) = name.rsplit_once('.')?;
    Some(extension.to_ascii_lowercase())
}

/// Whether nothing needs decoding: no `Content-Encoding`, or `identity`.
#[must_use]
pub fn is_plain(content_encoding: Option<&str>) -> bool {
    content_encoding.is_none_or(|coding| {
        coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_is_known_by_its_type_in_any_case_and_with_parameters() {
        assert!(is_playlist(&essence(
            "Application/VND.Apple.mpegURL; charset=utf-8"
        )));
        assert!(is_playlist(&essence("audio/mpegurl")));
        assert!(!is_playlist(&essence("video/mp2t")));
    }

    #[test]
    fn the_extension_is_that_of_the_path_and_not_of_the_query() {
        assert_eq!(extension("/a.b/c.M3U8?x=y.ts").as_deref(), Some("m3u8"));
        assert_eq!(extension("/a.b/c"), None);
        assert_eq!(extension("/?f=x.m3u8"), None);
    }

    #[test]
    fn identity_needs_no_decoding() {
        assert!(is_plain(None));
        assert!(is_plain(Some("Identity")));
        assert!(!is_plain(Some("gzip")));
    }
}
