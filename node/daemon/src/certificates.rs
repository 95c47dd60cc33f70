//! Keeps a running place's identity as its files have it: certificate and key, whom it trusts, and
//! who is revoked.
//!
//! The files are looked at when the configuration is read again, and by themselves every now and
//! then. They are taken up together or not at all: while one of them is only half written, or
//! wrong, the place goes on with what it has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use waybook_location_tree::PlaceName;

use crate::audit::{self, Audit};
use crate::config::{Change, IdentityPaths};
use crate::files::FileError;
use crate::identity::{Digests, Identity, Told, digests};
use crate::link::Links;

/// A certificate that is over sooner is warned of, unless it is one that never holds for long.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);
/// It is warned of in the last part of its time: one in so many.
const LAST_PART: u32 = 4;
/// A warning is said again after that long.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// How it is with a place's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// When the one in use ends.
    pub not_after: SystemTime,
    /// Why what is in the files was not taken up, if it was not.
    pub problem: Option<String>,
}

/// A place's certificates while it runs.
pub struct Certificates {
    paths: IdentityPaths,
    name: PlaceName,
    links: Links,
    audit: Arc<Audit>,
    state: Mutex<State>,
}

/// What is in use.
struct State {
    digests: Digests,
    told: Told,
    not_before: SystemTime,
    not_after: SystemTime,
    problem: Option<String>,
    warned: Option<SystemTime>,
}

impl Certificates {
    /// Of a place that runs with an identity whose files had those digests.
    pub(crate) fn new(
        paths: IdentityPaths,
        digests: Digests,
        identity: &Identity,
        links: Links,
        audit: Arc<Audit>,
    ) -> Self {
        Self {
            paths,
            name: identity.name().clone(),
            links,
            audit,
            state: Mutex::new(State {
                digests,
                told: identity.told().clone(),
                not_before: identity.not_before(),
                not_after: identity.not_after(),
                problem: None,
                warned: None,
            }),
        }
    }

    /// How it is with the certificate.
    pub fn status(&self) -> CertificateStatus {
        let state = self.state();
        CertificateStatus {
            not_after: state.not_after,
            problem: state.problem.clone(),
        }
    }

    /// Takes up what has changed in the files, and cuts off neighbours whose certificates do not
    /// count any more. It reads files, and so blocks.
    ///
    /// # Errors
    /// What is wrong with which file; the identity is what it was then.
    pub(crate) fn look(&self, now: SystemTime) -> Result<Vec<Change>, FileError> {
        // Held while they are read, so that of two that look at once the later one is the last.
        let mut state = self.state();
        let taken = self.take_up(&mut state, now);
        match &taken {
            Ok(changes) => {
                state.problem = None;
                for Change {
                    setting,
                    before,
                    now,
                } in changes
                {
                    tracing::info!(%setting, %before, %now, "an identity's file has changed");
                }
            }
            Err(error) => {
                let problem = error.to_string();
                // The same news again and again helps nobody.
                if state.problem.as_ref() != Some(&problem) {
                    tracing::error!(
                        problem,
                        "the identity's files are not taken up; the place goes on with what it has"
                    );
                    state.problem = Some(problem);
                }
            }
        }
        state.warn(now);
        drop(state);
        for change in taken.iter().flatten() {
            self.audit
                .note(&audit::Change::of_files(&self.name, change));
        }
        self.links.check(now);
        taken
    }

    fn take_up(&self, state: &mut State, now: SystemTime) -> Result<Vec<Change>, FileError> {
        let digests = digests(&self.paths);
        if digests == state.digests {
            return Ok(Vec::new());
        }
        let (revoked, _) = self.paths.revoked();
        let nothing = *blake3::hash(b"").as_bytes();
        if state.digests.revoked != nothing && !revoked.exists() {
            let what = "is gone; what it revoked stays so. To revoke nothing any more, restart";
            return Err(FileError::new(&revoked, what));
        }
        let identity = Identity::load(&self.paths, &self.name, now)?;
        let told = identity.told().clone();
        let (not_before, not_after) = (identity.not_before(), identity.not_after());
        self.links
            .renew(identity)
            .map_err(|error| FileError::new(&self.paths.certificate, error))?;
        let (before, was, is) = (&state.told, &state.digests, &digests);
        let same_pair = was.certificate == is.certificate && was.key == is.key;
        let each = [
            (
                "identity.certificate",
                same_pair,
                &before.certificate,
                &told.certificate,
            ),
            (
                "identity.authority",
                was.authority == is.authority,
                &before.authority,
                &told.authority,
            ),
            (
                "identity.revoked",
                was.revoked == is.revoked,
                &before.revoked,
                &told.revoked,
            ),
        ];
        let changed = each.into_iter().filter(|(_, same, ..)| !same);
        let changes = changed.map(|(setting, _, before, now)| Change {
            setting: setting.to_owned(),
            before: before.clone(),
            now: now.clone(),
        });
        let changes = changes.collect();
        *state = State {
            digests,
            told,
            not_before,
            not_after,
            problem: None,
            warned: None,
        };
        Ok(changes)
    }

    /// Looks every now and then, until the place stops.
    pub(crate) async fn keep(self: Arc<Self>, stopping: CancellationToken) {
        loop {
            let this = Arc::clone(&self);
            // What is wrong has been said.
            let _ = tokio::task::spawn_blocking(move || this.look(SystemTime::now()).is_ok()).await;
            tokio::select! {
                () = tokio::time::sleep(self.paths.check) => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Warns of a certificate that is over soon, or already.
    fn warn(&mut self, now: SystemTime) {
        let left = self.not_after.duration_since(now).unwrap_or_default();
        let whole = self.not_after.duration_since(self.not_before);
        let soon = SOON.min(whole.unwrap_or_default() / LAST_PART);
        let said = self.warned.and_then(|then| now.duration_since(then).ok());
        if left > soon || said.is_some_and(|since| since < AGAIN) {
            return;
        }
        self.warned = Some(now);
        let certificate = &self.told.certificate;
        if left.is_zero() {
            tracing::error!(
                certificate,
                "the certificate is over: neighbours refuse this place until it has a new one"
            );
        } else {
            let hours = left.as_secs() / 3600;
            tracing::warn!(
                certificate,
                hours,
                "the certificate is over soon; have it renewed"
            );
        }
    }
}
