//! What the places of the tree may ask of this one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use waybook_location_tree::PlaceName;

use super::{Kind, Problem, Shared};
use crate::config::{RemoteRights, Who};

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Look.
    Read,
    /// Open, claim and close sessions here, or try what an open would do.
    Open,
    /// Publish and withdraw presentations; add, fetch, keep and remove code; drain the place,
    /// cordon its resources, have its configuration read again; invite new places.
    Operate,
}

impl Right {
    /// Its setting in `[api.remote]`.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Open => "open",
            Self::Operate => "operate",
        }
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
        let (who, doing) = match right {
            Right::Read => (&self.remote.read, "look"),
            Right::Open => (&self.remote.open, "open or close sessions"),
            Right::Operate => (
                &self.remote.operate,
                "publish, withdraw, manage code, change how it runs or invite new places",
            ),
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

/// The neighbour that a request came by; none if it is a local client's.
#[derive(Debug, Clone)]
pub(crate) struct Via(pub(crate) Option<PlaceName>);

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

    fn allowed(remote: &RemoteRights, right: Right, origin: &str) -> bool {
        Rights::new(name("core/bologna/lab"), remote.clone())
            .allow(right, &name(origin))
            .is_ok()
    }

    #[test]
    fn a_locality_is_administered_from_above() {
        let remote = RemoteRights::default();
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
    fn localities_take_the_place_of_the_default() {
        let remote = RemoteRights {
            read: Who::None,
            open: Who::All,
            operate: Who::Localities(vec![name("core/x")]),
        };
        assert!(!allowed(&remote, Right::Read, "core"));
        assert!(allowed(&remote, Right::Read, "core/bologna/lab"));
        assert!(allowed(&remote, Right::Open, "core/elsewhere"));
        assert!(allowed(&remote, Right::Operate, "core/x/y"));
        assert!(!allowed(&remote, Right::Operate, "core"));
    }
}
