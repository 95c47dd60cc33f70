//! What is answered, as text.

use std::fmt::Write as _;

/// A JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                // Writing to a string can't fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A JSON array of pairs of a name and a value: names may be there twice.
#[must_use]
pub fn pairs(list: &[(String, String)]) -> String {
    let all: Vec<String> = list
        .iter()
        .map(|(name, value)| format!("[{},{}]", quoted(name), quoted(value)))
        .collect();
    format!("[{}]", all.join(","))
}

/// The path and the value of one parameter of the query, if it is there. Nothing is decoded, as the
/// parameters here are numbers.
#[must_use]
pub fn parameter<'a>(path_with_query: &'a str, name: &str) -> (&'a str, Option<&'a str>) {
    let (path, query) = path_with_query
        .split_once('?')
        .unwrap_or((path_with_query, ""));
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(n, _)| *n == name);
    (path, value.map(|(_, value)| value))
}

/// The bytes of `/bytes` from offset `at` on: each is the last digit of its offset, so that a byte which
/// is lost or moved shows.
#[must_use]
pub fn pattern(at: u64, length: usize) -> Vec<u8> {
    const DIGITS: &[u8; 10] = b"0123456789";
    // A remainder of ten is an index of ten digits.
    DIGITS
        .iter()
        .copied()
        .cycle()
        .skip((at % 10) as usize)
        .take(length)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped() {
        assert_eq!(quoted("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\u0001é\"");
        let list = [
            ("a".to_owned(), "1".to_owned()),
            ("a".to_owned(), "\"".to_owned()),
        ];
        assert_eq!(pairs(&list), r#"[["a","1"],["a","\""]]"#);
    }

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        assert_eq!(parameter("/bytes?nn=1&n=2", "n"), ("/bytes", Some("2")));
        assert_eq!(parameter("/bytes", "n"), ("/bytes", None));
        assert_eq!(parameter("/bytes?n", "n"), ("/bytes", None));
    }

    #[test]
    fn pieces_of_the_pattern_fit_together() {
        let mut pieces = pattern(0, 7);
        pieces.extend(pattern(7, 16));
        assert_eq!(pieces, b"01234567890123456789012");
    }
}
