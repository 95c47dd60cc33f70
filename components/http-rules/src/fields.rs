//! Header fields as a list, in the order in which they came.

/// Names and values, as `wasi:http` gives them. A name may occur several times.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The fields that belong to one connection and not to the message (RFC 9110, 7.6.1), without those
/// that a `Connection` field names.
const OF_THE_CONNECTION: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The first value of a field, without the white space around it. None if it is not there or is not text.
#[must_use]
pub fn first<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok().map(str::trim)
}

/// Whether the field is there at all.
#[must_use]
pub fn has(fields: &Fields, name: &str) -> bool {
    fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
}

/// All values of a field in one, as a list with commas (RFC 9110, 5.3). None if the field is not there.
#[must_use]
pub fn joined(fields: &Fields, name: &str) -> Option<String> {
    let mut values = fields
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| String::from_utf8_lossy(v));
    let mut all = values.next()?.into_owned();
    for value in values {
        all.push_str(", ");
        all.push_str(&value);
    }
    Some(all)
}

/// The members of a list of a field's values, split at commas that stand outside quoted strings, without
/// white space around them and without empty ones (RFC 9110, 5.6.1).
#[must_use]
pub fn members(list: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[start..]);
    found
        .into_iter()
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .collect()
}

/// Takes out every field of these names.
pub fn remove(fields: &mut Fields, names: &[&str]) {
    fields.retain(|(n, _)| !names.iter().any(|name| n.eq_ignore_ascii_case(name)));
}

/// Puts one field in place of all of its name.
pub fn set(fields: &mut Fields, name: &str, value: impl Into<Vec<u8>>) {
    remove(fields, &[name]);
    fields.push((name.to_owned(), value.into()));
}

/// Takes out what belongs to one connection, the fields named by `Connection` included.
pub fn remove_of_the_connection(fields: &mut Fields) {
    let named = joined(fields, "connection").unwrap_or_default();
    remove(fields, &members(&named));
    remove(fields, &OF_THE_CONNECTION);
}

/// The length that `Content-Length` gives; None if it is not there or is no number.
#[must_use]
pub fn content_length(fields: &Fields) -> Option<u64> {
    number(first(fields, "content-length")?)
}

/// A whole number of decimal digits and nothing else.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    // `parse` would take a plus sign.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn commas_in_quoted_strings_do_not_split() {
        assert_eq!(
            members(r#"a, b="x,y", "q\",r" ,, c"#),
            ["a", r#"b="x,y""#, r#""q\",r""#, "c"]
        );
    }

    #[test]
    fn several_fields_of_one_name_are_one_list() {
        let fields = fields(&[("Vary", "a"), ("x", "y"), ("vary", "b")]);
        assert_eq!(joined(&fields, "vary").as_deref(), Some("a, b"));
        assert_eq!(joined(&fields, "age"), None);
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut all = fields(&[
            ("Connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("Keep-Alive", "2"),
            ("date", "d"),
        ]);
        remove_of_the_connection(&mut all);
        assert_eq!(all, fields(&[("date", "d")]));
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(number("17"), Some(17));
        for not in ["", "+1", "-1", "1.0", "0x1", "18446744073709551616"] {
            assert_eq!(number(not), None, "{not}");
        }
    }
}
