//! Amounts with units in a scenario, read as in every other file of Waybook.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use waybook_plan::{Resource, parse_amount};

/// A text, or a number that stands for itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Integer(i64),
    Float(f64),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
        }
    }
}

/// Amounts of resources, each in its own unit.
pub(super) fn some_amounts<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<Resource, u64>>, D::Error> {
    let written = BTreeMap::<String, Written>::deserialize(from)?;
    let mut amounts = BTreeMap::new();
    for (name, amount) in written {
        let resource = Resource::new(&name).map_err(D::Error::custom)?;
        let amount = parse_amount(&resource, &amount.text())
            .map_err(|e| D::Error::custom(format!("`{name}`: {e}")))?;
        amounts.insert(resource, amount);
    }
    Ok(Some(amounts))
}
