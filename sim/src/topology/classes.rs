//! Classes of places: what a scenario gives capacities and clients to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::quote;
use super::label::label;

/// How places get their classes where no file gives them one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Classes {
    /// `role`: `root`, `inner` or `leaf`. A tree of one place is a `root`.
    #[default]
    Role,
    /// `depth`: `level-0` for the root, `level-1` and so on.
    Depth,
    /// `attribute:NAME`: the value of a node's attribute, made a label; by role where a node
    /// has none. Only graphs have attributes.
    Attribute(String),
}

impl Classes {
    /// The class of a place that was given none.
    pub(super) fn by_default(&self, depth: usize, leaf: bool) -> String {
        match (self, depth, leaf) {
            (Self::Depth, ..) => format!("level-{depth}"),
            (_, 0, _) => "root".to_owned(),
            (_, _, true) => "leaf".to_owned(),
            (_, _, false) => "inner".to_owned(),
        }
    }
}

/// Checks a class's name: as a label of a place.
pub(super) fn check(class: &str) -> Result<(), String> {
    if label(class).as_deref() == Some(class) {
        return Ok(());
    }
    Err(format!(
        "{} is no class: use 1 to 63 of a-z, 0-9 and single inner hyphens",
        quote(class)
    ))
}

impl TryFrom<String> for Classes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "role" => Ok(Self::Role),
            "depth" => Ok(Self::Depth),
            other => match other.strip_prefix("attribute:").map(str::trim) {
                Some(name) if !name.is_empty() => Ok(Self::Attribute(name.to_owned())),
                _ => Err(format!(
                    "{} is no way to class places: write `role`, `depth` or `attribute:NAME`",
                    quote(other)
                )),
            },
        }
    }
}

impl From<Classes> for String {
    fn from(classes: Classes) -> Self {
        classes.to_string()
    }
}

impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role => f.write_str("role"),
            Self::Depth => f.write_str("depth"),
            Self::Attribute(name) => write!(f, "attribute:{name}"),
        }
    }
}
