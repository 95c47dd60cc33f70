//! Lines of CSV files, for messages.

use super::error::TopologyError;

/// `line 3`: where a record that the library places at `byte` begins. It places a record before
/// the empty lines and the comments that it skips.
pub(super) fn line(text: &str, byte: u64) -> String {
    let byte = usize::try_from(byte).unwrap_or(text.len());
    let rest = text.as_bytes().get(byte..).unwrap_or_default();
    let mut at = text.len() - rest.len();
    for line in rest.split_inclusive(|b| *b == b'\n') {
        let skipped = line[0] == b'#' || line.iter().all(|b| matches!(b, b'\r' | b'\n'));
        if !skipped {
            break;
        }
        at += line.len();
    }
    let before = &text.as_bytes()[..at];
    format!(
        "line {}",
        before.iter().filter(|b| **b == b'\n').count() + 1
    )
}

/// What the library says of a CSV, with the line first.
pub(super) fn wrong(text: &str, error: &csv::Error) -> TopologyError {
    let at = error.position().map(csv::Position::byte);
    let at = at.map_or_else(String::new, |byte| line(text, byte));
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("here are {len} fields, and the header has {expected_len}")
        }
        _ => format!("this is no CSV: {error}"),
    };
    TopologyError::at(at, message)
}
