//! What the places of the tree may ask of this one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use super::{Kind, Problem, Shared};

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Look.
    Read,
    /// Open, claim and close sessions here, or try what an open would do.
    Open,
    /// Publish and withdraw presentations.
    Operate,
}

/// Which places may do something. The place itself always may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WhoText", into = "WhoText")]
pub enum Who {
    /// Every place of the tree.
    All,
    /// Its ancestors: a locality is administered from above.
    Ancestors,
    /// No other place.
    None,
    /// The places of these localities.
    Localities(Vec<PlaceName>),
}

/// How [`Who`] is written: a word, or a list of names.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "one of \"all\", \"ancestors\", \"none\", or a list of places"
)]
enum WhoText {
    Word(Word),
    List(Vec<PlaceName>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    All,
    Ancestors,
    None,
}

impl From<WhoText> for Who {
    fn from(text: WhoText) -> Self {
        match text {
            WhoText::Word(Word::All) => Self::All,
            WhoText::Word(Word::Ancestors) => Self::Ancestors,
            WhoText::Word(Word::None) => Self::None,
            WhoText::List(list) => Self::Localities(list),
        }
    }
}

impl From<Who> for WhoText {
    fn from(who: Who) -> Self {
        match who {
            Who::All => Self::Word(Word::All),
            Who::Ancestors => Self::Word(Word::Ancestors),
            Who::None => Self::Word(Word::None),
            Who::Localities(list) => Self::List(list),
        }
    }
}

/// The setting `[api.remote]`: who may do what from another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Remote {
    /// Who may look.
    pub read: Who,
    /// Who may open, claim and close sessions whose client's place this is.
    pub open: Who,
    /// Who may publish and withdraw presentations here.
    pub operate: Who,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            read: Who::All,
            open: Who::Ancestors,
            operate: Who::Ancestors,
        }
    }
}

/// The rights at one place.
#[derive(Debug, Clone)]
pub struct Rights {
    name: PlaceName,
    remote: Remote,
}

impl Rights {
    /// The rights at the place of that name.
    #[must_use]
    pub fn new(name: PlaceName, remote: Remote) -> Self {
        Self { name, remote }
    }

    /// Whether a request that comes from `origin` may do that here.
    pub(crate) fn allow(&self, right: Right, origin: &PlaceName) -> Result<(), Problem> {
        let (who, setting, doing) = match right {
            Right::Read => (&self.remote.read, "read", "look"),
            Right::Open => (&self.remote.open, "open", "open or close sessions"),
            Right::Operate => (&self.remote.operate, "operate", "publish or withdraw"),
        };
        let allowed = *origin == self.name
            || match who {
                Who::All => true,
                Who::Ancestors => origin.contains(&self.name),
                Who::None => false,
                Who::Localities(list) => list.iter().any(|locality| locality.contains(origin)),
            };
        if allowed {
            return Ok(());
        }
        Err(Kind::NotAllowed
            .because(format!(
                "{name} does not let {origin} {doing} (its setting `api.remote.{setting}`); \
                 ask at {name} itself",
                name = self.name
            ))
            .at(&self.name))
    }
}

/// The place that a request comes from: this one, or another one of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) PlaceName);

/// Lets through what its origin may do.
pub(super) async fn check(
    State((shared, right)): State<(Arc<Shared>, Right)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(Origin(origin)) = request.extensions().get() else {
        return Err(Kind::Protocol.because("the request says nothing of where it comes from"));
    };
    shared.parts.rights.allow(right, origin)?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PlaceName {
        PlaceName::new(text).unwrap()
    }

    fn allowed(remote: &Remote, right: Right, origin: &str) -> bool {
        Rights::new(name("core/bologna/lab"), remote.clone())
            .allow(right, &name(origin))
            .is_ok()
    }

    #[test]
    fn a_locality_is_administered_from_above() {
        let remote = Remote::default();
        for right in [Right::Open, Right::Operate] {
            assert!(allowed(&remote, right, "core/bologna/lab"));
            assert!(allowed(&remote, right, "core/bologna"));
            assert!(allowed(&remote, right, "core"));
            assert!(!allowed(&remote, right, "core/bologna/other"));
            assert!(!allowed(&remote, right, "core/bologna/lab/below"));
        }
        assert!(allowed(&remote, Right::Read, "core/elsewhere"));
    }

    #[test]
    fn settings_are_words_or_lists() {
        let remote: Remote =
            toml::from_str("read = \"none\"\nopen = \"all\"\noperate = [\"core/x\"]").unwrap();
        assert!(!allowed(&remote, Right::Read, "core"));
        assert!(allowed(&remote, Right::Read, "core/bologna/lab"));
        assert!(allowed(&remote, Right::Open, "core/elsewhere"));
        assert!(allowed(&remote, Right::Operate, "core/x/y"));
        assert!(!allowed(&remote, Right::Operate, "core"));
        let error = toml::from_str::<Remote>("read = \"some\"").unwrap_err();
        assert!(error.to_string().contains("\"ancestors\""), "{error}");
    }
}
