//! HLS playlists (RFC 8216), as far as one must know them to leave qualities out.
//!
//! Everything works on lines of bytes that are kept or left out whole, so whatever is not understood
//! stays as it was: unknown tags, comments, the kind of line ends, a byte order mark.

/// What kind of playlist it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It lists qualities.
    Master,
    /// It lists segments.
    Media,
}

const STREAM: &[u8] = b"#EXT-X-STREAM-INF:";
const I_FRAMES: &[u8] = b"#EXT-X-I-FRAME-STREAM-INF:";
const RENDITION: &[u8] = b"#EXT-X-MEDIA:";

/// Tags that only a media playlist has (RFC 8216, 4.3.2 and 4.3.3); the first is in all of them.
const OF_MEDIA: [&[u8]; 4] = [
    b"#EXTINF:",
    b"#EXT-X-TARGETDURATION:",
    b"#EXT-X-MEDIA-SEQUENCE:",
    b"#EXT-X-BYTERANGE:",
];

/// Tells the kind of a playlist from its beginning, as it arrives.
#[derive(Debug, Default)]
pub struct Sniffer {
    /// Where the first line begins that was not looked at.
    at: usize,
}

impl Sniffer {
    /// Looks at what has arrived so far, which must begin with what it was given before. None while no
    /// whole line has told.
    pub fn look(&mut self, so_far: &[u8]) -> Option<Kind> {
        while let Some(end) = so_far[self.at..].iter().position(|b| *b == b'\n') {
            let line = text(&so_far[self.at..self.at + end]);
            self.at += end + 1;
            if [STREAM, I_FRAMES, RENDITION]
                .iter()
                .any(|tag| line.starts_with(tag))
            {
                return Some(Kind::Master);
            }
            if OF_MEDIA.iter().any(|tag| line.starts_with(tag)) {
                return Some(Kind::Media);
            }
        }
        None
    }
}

/// A line without its end, and without the byte order mark that some put before the first one.
fn text(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// The value of an attribute in an attribute list (RFC 8216, 4.2), with the quotes of a quoted string.
/// Commas and equals signs in a quoted string are part of it.
#[must_use]
pub fn attribute<'a>(list: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = list;
    while !rest.is_empty() {
        let equals = rest.iter().position(|b| *b == b'=')?;
        let found = rest[..equals].trim_ascii();
        let value = rest[equals + 1..].trim_ascii_start();
        let end = if let Some(quoted) = value.strip_prefix(b"\"") {
            // Without a closing quote the string takes all there is.
            quoted
                .iter()
                .position(|b| *b == b'"')
                .map_or(value.len(), |at| at + 2)
        } else {
            value.iter().position(|b| *b == b',').unwrap_or(value.len())
        };
        if found == name {
            return Some(value[..end].trim_ascii_end());
        }
        let next = value[end..]
            .iter()
            .position(|b| *b == b',')
            .map_or(value.len(), |at| end + at + 1);
        rest = &value[next..];
    }
    None
}

/// The text of a quoted string.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// `BANDWIDTH` in bit/s. What has none, or one that is no decimal integer, can't be said to fit.
fn bandwidth(list: &[u8]) -> u64 {
    attribute(list, b"BANDWIDTH")
        .filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .unwrap_or(u64::MAX)
}

/// A quality: the line of its `#EXT-X-STREAM-INF`, that of its URI, and how much it needs.
struct Variant {
    tag: usize,
    uri: usize,
    bandwidth: u64,
}

/// Finds the qualities, and the tags to which no URI belongs.
fn variants(lines: &[&[u8]]) -> (Vec<Variant>, Vec<usize>) {
    let (mut found, mut orphans) = (Vec::new(), Vec::new());
    let mut open: Option<usize> = None;
    for (at, line) in lines.iter().enumerate() {
        let line = text(line);
        if line.starts_with(STREAM) {
            orphans.extend(open.replace(at));
        } else if !line.trim_ascii().is_empty()
            && !line.starts_with(b"#")
            && let Some(tag) = open.take()
        {
            let list = &text(lines[tag])[STREAM.len()..];
            found.push(Variant {
                tag,
                uri: at,
                bandwidth: bandwidth(list),
            });
        }
    }
    orphans.extend(open);
    (found, orphans)
}

/// The groups of renditions that a line refers to, as their `TYPE` and `GROUP-ID`.
fn groups(list: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    const TYPES: [&[u8]; 4] = [b"AUDIO", b"VIDEO", b"SUBTITLES", b"CLOSED-CAPTIONS"];
    TYPES
        .into_iter()
        .filter_map(move |kind| Some((kind, unquoted(attribute(list, kind)?)?)))
}

/// A master playlist with only those qualities whose `BANDWIDTH` is at most `limit` bit/s, or, if there
/// is none, with the one that needs least. With a quality goes its URI; `#EXT-X-I-FRAME-STREAM-INF`
/// above the limit go too, and so do renditions (`#EXT-X-MEDIA`) of groups that nothing refers to any
/// more.
///
/// None if there is nothing to leave out, or if it lists no qualities.
#[must_use]
pub fn cap(playlist: &[u8], limit: u64) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = playlist.split_inclusive(|b| *b == b'\n').collect();
    let (variants, orphans) = variants(&lines);
    let least = variants.iter().min_by_key(|variant| variant.bandwidth)?.tag;
    let fits = variants.iter().any(|variant| variant.bandwidth <= limit);

    let mut stays = vec![true; lines.len()];
    for orphan in orphans {
        stays[orphan] = false;
    }
    let mut referred = Vec::new();
    for variant in &variants {
        let kept = if fits {
            variant.bandwidth <= limit
        } else {
            variant.tag == least
        };
        if kept {
            referred.extend(groups(&text(lines[variant.tag])[STREAM.len()..]));
        } else {
            stays[variant.tag] = false;
            stays[variant.uri] = false;
        }
    }
    for (at, line) in lines.iter().enumerate() {
        let Some(list) = text(line).strip_prefix(I_FRAMES) else {
            continue;
        };
        if bandwidth(list) <= limit {
            referred.extend(groups(list));
        } else {
            stays[at] = false;
        }
    }
    for (at, line) in lines.iter().enumerate() {
        let Some(list) = text(line).strip_prefix(RENDITION) else {
            continue;
        };
        let group = attribute(list, b"GROUP-ID").and_then(unquoted);
        if let (Some(kind), Some(group)) = (attribute(list, b"TYPE"), group)
            && !referred.contains(&(kind, group))
        {
            stays[at] = false;
        }
    }
    if stays.iter().all(|stays| *stays) {
        return None;
    }
    let kept = lines.iter().zip(stays).filter(|(_, stays)| *stays);
    Some(kept.flat_map(|(line, _)| line.iter().copied()).collect())
}

#[cfg(test)]
mod tests;
