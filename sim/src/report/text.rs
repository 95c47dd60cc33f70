//! Words and numbers as the page writes them.

use std::fmt::Write as _;

/// A text so that HTML and SVG take it for nothing but text, between tags and in attributes
/// alike. What no page may contain becomes the replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// A text as part of a `data:` URL (RFC 2397) in an attribute.
pub(super) fn in_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'%' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'&' | 0..=0x1f | 0x7f.. => {
                let _ = write!(out, "%{byte:02X}");
            }
            plain => out.push(plain.into()),
        }
    }
    out
}

/// A number with four digits that count.
pub(super) fn number(value: f64) -> String {
    with_digits(value, 4)
}

/// A number of which only the size matters, with two digits that count.
pub(super) fn rough(value: f64) -> String {
    with_digits(value, 2)
}

fn with_digits(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return minus(&format!("{value:.2e}"));
    }
    let before = size.log10().floor() as i32 + 1;
    let decimals = usize::try_from(digits - before).unwrap_or(0);
    minus(&format!("{value:.decimals$}"))
}

/// A whole number, its thousands apart.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// A number that may be whole: as it is then, and with four digits that count otherwise.
pub(super) fn amount(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        count(value as u64)
    } else {
        number(value)
    }
}

/// A number as it would be written in a scenario, without what arithmetic adds at the far end.
pub(super) fn plain(value: f64) -> String {
    let near = format!("{value:.12e}").parse().unwrap_or(value);
    minus(&format!("{near}"))
}

/// A probability of a test.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// The sign that is a minus, where a hyphen was written.
pub(super) fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// A text with at most so many letters.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// About how wide a text is in the plots' letters, in their units.
pub(crate) fn width(text: &str) -> f64 {
    text.chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | '.' | ',' | ':' | '\u{2009}' | '\'' => 3.4,
            'm' | 'w' | 'M' | 'W' | '%' => 10.2,
            capital if capital.is_uppercase() => 8.4,
            _ => 6.7,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let written = [0.0, 0.012_345, 12.345, -3.0, 123_456.7, 1e-6, f64::NAN].map(number);
        let right = ["0", "0.01234", "12.35", "−3.000", "123457", "1.00e−6", "–"];
        // The last digit of a half may go either way.
        for (written, right) in written.iter().zip(right) {
            assert_eq!(written.chars().count(), right.chars().count(), "{written}");
        }
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1_234_567), "1\u{2009}234\u{2009}567");
    }

    #[test]
    fn nothing_gets_out_of_its_quotation_marks() {
        let hostile = "</title><script>alert('1')</script>\"\u{0}&amp;";
        let safe = escape(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{0}']));
        assert!(safe.contains("&amp;amp;"));
        assert!(!in_url(hostile).contains(['<', '>', '"', '\'', '#', '&']));
    }
}
