//! What people write: it is read, or refused with a sentence.

use std::fmt::Display;

use waybook_plan::{Manifest, Presentation, Profile};

pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// An error must say something.
pub(crate) fn told<T, E: Display>(read: Result<T, E>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(
                !error.to_string().trim().is_empty(),
                "an error says nothing"
            );
            None
        }
    }
}

/// What a server offers.
pub(crate) fn presentation(bytes: &[u8]) {
    let read = text(bytes).and_then(|text| told(Presentation::from_toml(text)));
    if let Some(presentation) = read {
        presentation.check().expect("what is read is sound");
    }
}

/// Who asks.
pub(crate) fn profile(bytes: &[u8]) {
    let _ = text(bytes).and_then(|text| told(Profile::from_toml(text)));
}

/// What comes with a component's binary.
pub(crate) fn manifest(bytes: &[u8]) {
    let _ = text(bytes).and_then(|text| told(Manifest::from_toml(text)));
}
