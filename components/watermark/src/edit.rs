//! What is put into a body and where, while the body passes.

use waybook_http_rules::media::{essence, extension, is_playlist};

/// Writes on one body.
#[derive(Debug)]
pub struct Editor {
    what: What,
    /// The last bytes that went out or are held back; enough to find `</body` across pieces and to know
    /// whether a line had ended.
    tail: Vec<u8>,
    mark: Vec<u8>,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A line at the end.
    Line,
    /// A paragraph at the end.
    Paragraph,
    /// Before the first of these bytes, in any case of letters; without them at the end.
    Before(&'static [u8]),
}

/// What ends the visible part of a page.
const BODY_END: &[u8] = b"</body";

impl Editor {
    /// What writes `text` on a body of this type, or None where nothing fits: where it is no text, or one
    /// whose characters are not made of bytes as ASCII's are.
    #[must_use]
    pub fn of(content_type: &str, path_with_query: &str, text: &str) -> Option<Editor> {
        let parameters = content_type.to_ascii_lowercase();
        if parameters.contains("utf-16") || parameters.contains("utf-32") {
            return None;
        }
        let kind = essence(content_type);
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let (what, mark) =
            if is_playlist(&kind) || extension(path_with_query).is_some_and(|e| e == "m3u8") {
                (What::Line, format!("# {text}\n"))
            } else {
                match kind.as_str() {
                    "text/html" => (What::Before(BODY_END), comment(&text)),
                    "text/xml" => (What::Line, comment(&text) + "\n"),
                    // An arrow would make it a cue (WebVTT, 4.1).
                    "text/vtt" => (
                        What::Paragraph,
                        format!("NOTE {}\n", text.replace("-->", "-- >")),
                    ),
                    "text/css" | "text/javascript" => {
                        (What::Line, format!("/* {} */\n", text.replace("*/", "* /")))
                    }
                    "text/event-stream" => (What::Line, format!(": {text}\n")),
                    other if other.starts_with("text/") => (What::Line, format!("{text}\n")),
                    _ => return None,
                }
            };
        Some(Editor {
            what,
            tail: Vec::new(),
            mark: mark.into_bytes(),
            done: false,
        })
    }

    /// Takes the next bytes of the body and gives those that can go on.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        match self.what {
            What::Line | What::Paragraph => {
                let keep = bytes.len().saturating_sub(2);
                self.tail.extend_from_slice(&bytes[keep..]);
                let surplus = self.tail.len().saturating_sub(2);
                self.tail.drain(..surplus);
                bytes.to_vec()
            }
            What::Before(_) if self.done => bytes.to_vec(),
            What::Before(end) => {
                let mut all = std::mem::take(&mut self.tail);
                all.extend_from_slice(bytes);
                if let Some(at) = all
                    .windows(end.len())
                    .position(|w| w.eq_ignore_ascii_case(end))
                {
                    self.done = true;
                    all.splice(at..at, self.mark.iter().copied());
                } else {
                    // As much as could be the beginning of it.
                    self.tail = all.split_off(all.len().saturating_sub(end.len() - 1));
                }
                all
            }
        }
    }

    /// What comes after the last bytes.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        match self.what {
            What::Before(_) if self.done => Vec::new(),
            What::Before(_) => {
                self.tail.extend_from_slice(&self.mark);
                self.tail
            }
            What::Line | What::Paragraph => {
                let mut end = Vec::new();
                if !self.tail.is_empty() && !self.tail.ends_with(b"\n") {
                    end.push(b'\n');
                }
                if self.what == What::Paragraph && !self.tail.ends_with(b"\n\n") {
                    end.push(b'\n');
                }
                end.extend_from_slice(&self.mark);
                end
            }
        }
    }
}

/// A comment of HTML and XML, which must not have two hyphens in it.
fn comment(text: &str) -> String {
    let mut inner = text.to_owned();
    while inner.contains("--") {
        inner = inner.replace("--", "- -");
    }
    format!("<!-- {inner} -->")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(kind: &str, path: &str, text: &str, pieces: &[&str]) -> String {
        let mut editor = Editor::of(kind, path, text).expect("something to write on");
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(editor.push(piece.as_bytes()));
        }
        out.extend(editor.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_gets_a_comment_at_the_end_of_its_body() {
        let page = ["<html><body>hi<", "/bo", "dy></html>"];
        assert_eq!(
            edited("text/html; charset=utf-8", "/", "seen", &page),
            "<html><body>hi<!-- seen --></body></html>"
        );
        assert_eq!(
            edited("TEXT/HTML", "/", "seen", &["a</BODY>b</body>"]),
            "a<!-- seen --></BODY>b</body>"
        );
        assert_eq!(
            edited("text/html", "/", "seen", &["no end </bod"]),
            "no end </bod<!-- seen -->"
        );
        assert_eq!(
            edited("text/html", "/", "a --- b", &[""]),
            "<!-- a - - - b -->"
        );
    }

    #[test]
    fn subtitles_get_a_note_that_stands_alone() {
        let note = "WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n\nNOTE by x -- > y\n";
        for end in ["hi", "hi\n", "hi\n\n"] {
            let cue = format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{end}");
            assert_eq!(edited("text/vtt", "/s", "by x --> y", &[&cue]), note);
        }
    }

    #[test]
    fn playlists_get_a_comment_that_is_no_tag() {
        assert_eq!(
            edited("application/vnd.apple.mpegurl", "/x", "EXT", &["#EXTM3U"]),
            "#EXTM3U\n# EXT\n"
        );
        assert_eq!(
            edited("application/octet-stream", "/a.m3u8", "t", &["#EXTM3U\n"]),
            "#EXTM3U\n# t\n"
        );
    }

    #[test]
    fn other_texts_get_a_line() {
        assert_eq!(edited("text/plain", "/", "a\nb", &["x"]), "x\na b\n");
        assert_eq!(edited("text/plain", "/", "a", &[]), "a\n");
        assert_eq!(
            edited("text/css", "/", "a*/b", &["x\n"]),
            "x\n/* a* /b */\n"
        );
    }

    #[test]
    fn what_is_no_text_is_left_alone() {
        for kind in [
            "video/mp2t",
            "application/json",
            "",
            "text/plain; charset=UTF-16",
        ] {
            assert!(Editor::of(kind, "/a.ts", "t").is_none(), "{kind}");
        }
    }

    proptest! {
        /// Taking the mark out of what comes out gives what went in, however the body is cut up.
        #[test]
        fn nothing_else_changes(body in "(</body>|<|/|b|\n|[a-z]){0,40}", cut in 1_usize..9, kind in "text/(html|plain|vtt)") {
            let pieces: Vec<String> = body.as_bytes().chunks(cut).map(|c| String::from_utf8(c.to_vec()).unwrap()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let out = edited(&kind, "/", "MARK", &pieces);
            prop_assert_eq!(&out, &edited(&kind, "/", "MARK", &[&body]), "the cuts don't matter");
            if kind == "text/html" {
                prop_assert_eq!(out.replace("<!-- MARK -->", ""), body.clone());
                if let Some(at) = body.find("</body") {
                    prop_assert_eq!(out.find("<!-- MARK -->"), Some(at));
                }
            } else {
                prop_assert!(out.starts_with(&body) && out.ends_with("MARK\n"));
            }
        }
    }
}
