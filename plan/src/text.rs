//! Small help for messages about text that people wrote.

/// Text from outside as a message shows it: short, and without anything that a
/// terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown = String::new();
    for c in text.chars().take(MOST) {
        match c {
            // Messages are read by people, not parsed, so these need no escape.
            '"' | '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// As [`shown`], between back quotes.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// The one of `known` that `text` was most likely meant to be, if any is near enough.
pub(crate) fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    // A key that long is no slip of the pen, and the table below grows with it.
    if text.len() > 64 {
        return None;
    }
    let (steps, best) = known.iter().map(|k| (edits(text, k), *k)).min()?;
    (steps <= best.len().div_ceil(3)).then_some(best)
}

/// How many characters have to be added, removed or replaced to make one text of the
/// other (Levenshtein's distance).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// `a`, `b` or `c`.
pub(crate) fn list(words: &[&str], last: &str) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., end] => {
            let first: Vec<_> = first.iter().map(|w| format!("`{w}`")).collect();
            format!("{} {last} `{end}`", first.join(", "))
        }
    }
}

/// Checks a text that people name a thing by.
pub(crate) fn check_name(text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("must not be empty; write 1 to {most} bytes"));
    }
    if text.len() > most {
        return Err(format!(
            "has {} bytes; at most {most} are allowed",
            text.len()
        ));
    }
    if text.trim() != text {
        return Err(format!(
            "{} must not begin or end with a space",
            quote(text)
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(format!(
            "{} must not contain control characters",
            quote(text)
        ));
    }
    Ok(())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes that so many hexadecimal digits, of either case, stand for.
pub(crate) fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_short_and_harmless() {
        assert_eq!(
            quote("it's \"x\"\n\u{1b}[31m"),
            "`it's \"x\"\\n\\u{1b}[31m`"
        );
        assert!(quote(&"é".repeat(1000)).chars().count() < 70);
    }

    #[test]
    fn the_nearest_key_is_found_and_a_strange_one_is_not() {
        let known = ["to-client", "to-server", "title"];
        assert_eq!(nearest("to_client", &known), Some("to-client"));
        assert_eq!(nearest("titel", &known), Some("title"));
        assert_eq!(nearest("bandwidth", &known), None);
        assert_eq!(nearest(&"title".repeat(100), &known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
