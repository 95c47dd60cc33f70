//! Who may ask what of this place: as far as other places go, and as far as tokens do.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_location_tree::PlaceName;

use super::profiles::called;
use super::{Kind, Problem, Shared};
use crate::config::{RemoteRights, Who};

/// The token of the data folder goes by that name.
pub(crate) const OWNER: &str = "owner";

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Look.
    Read,
    /// Open, claim and close sessions, or try what an open would do.
    Open,
    /// Publish and withdraw presentations; add and remove components.
    Publish,
    /// Everything else that changes the place: drain it, cordon resources, read its configuration
    /// again, keep and fetch code, log something else, make and revoke tokens,
    /// invite new places.
    Operate,
}

impl Right {
    const ALL: [Self; 4] = [Self::Read, Self::Open, Self::Publish, Self::Operate];

    /// Its setting in `[api.remote]`, and its word where a token is made.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Open => "open",
            Self::Publish => "publish",
            Self::Operate => "operate",
        }
    }

    /// What it is to do that, for people.
    fn doing(self) -> &'static str {
        match self {
            Self::Read => "look",
            Self::Open => "open or close sessions",
            Self::Publish => "publish, withdraw, or add and remove components",
            Self::Operate => "change how it runs or invite new places",
        }
    }
}

/// What somebody may do. Whoever may anything may look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct May(BTreeSet<Right>);

impl May {
    /// All.
    pub(crate) fn all() -> Self {
        Self::of(Right::ALL)
    }

    /// These, and looking.
    pub(crate) fn of(rights: impl IntoIterator<Item = Right>) -> Self {
        let rights = rights.into_iter().chain([Right::Read]);
        Self(rights.collect())
    }

    pub(crate) fn has(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Right> + '_ {
        self.0.iter().copied()
    }

    /// As it travels to another place: `read,open`.
    pub(crate) fn to_text(&self) -> String {
        let words: Vec<_> = self.iter().map(Right::setting).collect();
        words.join(",")
    }

    /// As it came from another place, which may know of rights that are none here.
    pub(crate) fn from_text(text: &str) -> Self {
        let words: Vec<_> = text.split(',').collect();
        let known = |right: &Right| words.contains(&right.setting());
        Self::of(Right::ALL.into_iter().filter(known))
    }
}

/// Who asks: as the place where the request came in knows it by the token that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The token's name.
    pub(crate) token: String,
    /// Whom the token is bound to.
    pub(crate) user: Option<String>,
    /// What the token is good for.
    pub(crate) may: May,
}

impl Caller {
    /// Whoever has the token of the data folder.
    pub(crate) fn owner() -> Self {
        Self {
            token: OWNER.to_owned(),
            user: None,
            may: May::all(),
        }
    }

    /// Whether the token is good for that, at that place.
    pub(crate) fn allow(&self, right: Right, at: &PlaceName) -> Result<(), Problem> {
        if self.may.has(right) {
            return Ok(());
        }
        let (token, lacks) = (&self.token, right.setting());
        let has: Vec<_> = self.may.iter().map(Right::setting).collect();
        Err(Kind::NotAllowed.because(format!(
            "token `{token}` may not {doing}: it lacks `{lacks}` (it has {has}). Whoever may \
             operate the place can make one that has it: `waybook token create NAME --may {lacks} \
             --at {at}`",
            doing = right.doing(),
            has = has.join(", "),
        )))
    }

    /// Whether the token may open and close sessions of that user, as `place` names them.
    pub(crate) fn speaks_for(&self, user: &str, place: &PlaceName) -> bool {
        let bound = self.user.as_deref();
        bound.is_none_or(|bound| called(bound, place) == called(user, place))
    }
}

/// The rights at one place.
#[derive(Debug, Clone)]
pub struct Rights {
    name: PlaceName,
    remote: RemoteRights,
}

impl Rights {
    /// The rights at the place of that name.
    #[must_use]
    pub fn new(name: PlaceName, remote: RemoteRights) -> Self {
        Self { name, remote }
    }

    /// Whether a request that comes from `origin` may do that here.
    pub(crate) fn allow(&self, right: Right, origin: &PlaceName) -> Result<(), Problem> {
        let setting = right.setting();
        let who = match right {
            Right::Read => &self.remote.read,
            Right::Open => &self.remote.open,
            Right::Publish => &self.remote.publish,
            Right::Operate => &self.remote.operate,
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
                "{name} does not let {origin} {doing}: whoever runs {name} can let it, with the \
                 setting `api.remote.{setting}`; or ask at {name} itself",
                name = self.name,
                doing = right.doing(),
            ))
            .at(&self.name))
    }
}

/// The place that a request comes from: this one, or another one of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) PlaceName);

/// The neighbour that a request came by; none if it is a local client's.
#[derive(Debug, Clone)]
pub(crate) struct Via(pub(crate) Option<PlaceName>);

/// Whether a request may do that here: as far as the place goes that it comes from, and as far as
/// its token does.
pub(super) fn may(
    shared: &Shared,
    right: Right,
    origin: &PlaceName,
    caller: &Caller,
) -> Result<(), Problem> {
    let name = &shared.parts.name;
    let allowed = shared.parts.rights.allow(right, origin);
    let allowed = allowed.and_then(|()| caller.allow(right, name));
    allowed.map_err(|problem| problem.at(name))
}

/// Lets through what its origin and its token may do.
pub(super) async fn check(
    State((shared, right)): State<(Arc<Shared>, Right)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let extensions = request.extensions();
    let (Some(Origin(origin)), Some(caller)) = (extensions.get(), extensions.get::<Caller>())
    else {
        return Err(Kind::Protocol.because("the request says nothing of where it comes from"));
    };
    if let Err(problem) = may(&shared, right, origin, caller) {
        shared.parts.recorded.denied("right");
        tracing::warn!(
            %origin,
            token = caller.token,
            right = right.setting(),
            "a request was refused: it may not do that"
        );
        return Err(problem);
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PlaceName {
        PlaceName::new(text).unwrap()
    }

    fn allowed(remote: &RemoteRights, right: Right, origin: &str) -> bool {
        Rights::new(name("core/bologna/lab"), remote.clone())
            .allow(right, &name(origin))
            .is_ok()
    }

    #[test]
    fn a_locality_is_administered_from_above() {
        let remote = RemoteRights::default();
        for right in [Right::Open, Right::Publish, Right::Operate] {
            assert!(allowed(&remote, right, "core/bologna/lab"));
            assert!(allowed(&remote, right, "core/bologna"));
            assert!(allowed(&remote, right, "core"));
            assert!(!allowed(&remote, right, "core/bologna/other"));
            assert!(!allowed(&remote, right, "core/bologna/lab/below"));
        }
        assert!(allowed(&remote, Right::Read, "core/elsewhere"));
    }

    #[test]
    fn localities_take_the_place_of_the_default() {
        let remote = RemoteRights {
            read: Who::None,
            open: Who::All,
            publish: Who::Localities(vec![name("core/y")]),
            operate: Who::Localities(vec![name("core/x")]),
        };
        assert!(!allowed(&remote, Right::Read, "core"));
        assert!(allowed(&remote, Right::Read, "core/bologna/lab"));
        assert!(allowed(&remote, Right::Open, "core/elsewhere"));
        assert!(allowed(&remote, Right::Operate, "core/x/y"));
        assert!(!allowed(&remote, Right::Operate, "core"));
        assert!(allowed(&remote, Right::Publish, "core/y/z"));
        assert!(!allowed(&remote, Right::Publish, "core/x/y"));
    }

    #[test]
    fn rights_travel_as_words_and_unknown_ones_count_for_nothing() {
        let may = May::of([Right::Open, Right::Publish]);
        assert_eq!(may.to_text(), "read,open,publish");
        assert_eq!(May::from_text(&may.to_text()), may);
        assert_eq!(May::from_text("open,fly"), May::of([Right::Open]));
        assert_eq!(May::from_text(""), May::of([]));
    }
}
