//! Labels of places from what people call things.
//!
//! The rule: letters of other scripts and letters with marks are written in ASCII (`Đà Nẵng` is
//! `Da Nang`), all in lower case; whatever is neither a letter nor a digit becomes one hyphen, none
//! at the ends; what is left is cut to the length that a label may have.

use std::borrow::Cow;

use waybook_location_tree::MAX_LABEL;

/// The label for a text; none if nothing in it can be written.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    let ascii = match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(deunicode::deunicode(text)),
    };
    let mut label = String::with_capacity(ascii.len().min(MAX_LABEL));
    let mut gap = false;
    for c in ascii.chars() {
        if !c.is_ascii_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !label.is_empty() {
            label.push('-');
        }
        gap = false;
        label.push(c.to_ascii_lowercase());
        if label.len() >= MAX_LABEL {
            break;
        }
    }
    let cut = cut(&label, MAX_LABEL);
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// A label cut to so many bytes, without a hyphen at its end.
pub(super) fn cut(label: &str, most: usize) -> &str {
    let end = label.len().min(most);
    label[..end].trim_end_matches('-')
}

/// A label with a number behind it, within so many bytes: `lab-2`.
pub(super) fn numbered(label: &str, number: usize, most: usize) -> String {
    let tail = format!("-{number}");
    format!(
        "{}{tail}",
        cut(label, most.saturating_sub(tail.len()).max(1))
    )
}
