//! `[[presentation]]`: what is served, and where.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use waybook_plan::{Presentation, Quality, Reconcile, WhenCut};

use super::{ScenarioError, Selection};
use crate::quantity::Span;

/// A presentation, or many that differ in nothing but the title.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PresentationSpec {
    /// What users choose it by.
    pub title: String,
    /// How many there are: with more than one they are called `film-1`, `film-2`.
    #[serde(default = "one")]
    pub count: usize,
    /// The places that may hold it.
    pub at: Selection,
    /// At how many of these each title is, drawn by the seed; at all unless it is said.
    pub copies: Option<usize>,
    /// How long a session whose path is cut is kept; for the session lease unless it is said.
    pub lost_after: Option<Span>,
    /// Which goes on when the path is whole again: `replacement` or `original`.
    #[serde(default)]
    pub reconcile: Reconcile,
    /// Its quality levels, best first, as in a presentation's own file.
    #[serde(rename = "quality", deserialize_with = "qualities")]
    pub qualities: Vec<Quality>,
}

fn one() -> usize {
    1
}

/// Reads quality levels by the reader of presentation files.
fn qualities<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Quality>, D::Error> {
    let written = toml::Value::deserialize(from)?;
    let mut file = toml::Table::new();
    file.insert("title".to_owned(), "any".into());
    file.insert("quality".to_owned(), written);
    let text = toml::to_string(&file).map_err(D::Error::custom)?;
    let presentation = Presentation::from_toml(&text).map_err(|e| {
        // Where that reader finds something is not where it is in this file.
        let message = e.to_string();
        let told = message
            .split_once(", ")
            .and_then(|(_, rest)| rest.split_once(", "));
        D::Error::custom(told.map_or(message.as_str(), |(_, rest)| rest))
    })?;
    Ok(presentation.qualities)
}

impl PresentationSpec {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |what: &str| {
            Err(ScenarioError::new(format!(
                "`presentation` `{}`: {what}",
                self.title
            )))
        };
        if self.count == 0 {
            return wrong("`count` must be 1 or more");
        }
        if self.copies == Some(0) {
            return wrong("`copies` must be 1 or more");
        }
        if let Err(why) = self.when_cut().check() {
            return wrong(&format!("`lost-after`: {why}"));
        }
        if self.qualities.is_empty() {
            return wrong("there is no `[[presentation.quality]]`");
        }
        Ok(())
    }

    fn when_cut(&self) -> WhenCut {
        WhenCut {
            lost_after: self.lost_after.map(|time| time.0),
            reconcile: self.reconcile,
        }
    }

    /// Its titles.
    pub fn titles(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.count).map(|number| match self.count {
            1 => self.title.clone(),
            _ => format!("{}-{number}", self.title),
        })
    }

    /// One of them as places serve it.
    #[must_use]
    pub fn presentation(&self, title: String) -> Presentation {
        Presentation {
            title,
            description: String::new(),
            servers: Vec::new(),
            qualities: self.qualities.clone(),
            when_cut: self.when_cut(),
        }
    }
}
