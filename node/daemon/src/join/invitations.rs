//! Who is invited, kept on disk: what of it has been used survives a restart.
//!
//! Of a token's secret only the hash is kept. An invitation that is over is remembered for a while,
//! so that whoever comes too late is told so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rcgen::PublicKeyData;
use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::format_duration;

use super::letter::Request;
use super::token::{self, Token};
use crate::files::{self, Existing, FileError};
use crate::identity;

/// The file in the data folder.
pub(crate) const INVITATIONS: &str = "invitations.json";
/// How long an invitation that is over is remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// An invitation, as operators see it. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Names it; says nothing of the secret.
    pub id: String,
    /// The place that is invited.
    pub name: PlaceName,
    /// The hash of the token's secret, in hexadecimal.
    hash: String,
    /// When it was made.
    pub made: u64,
    /// Until when it is valid.
    pub expires: u64,
    /// How many machines may use it.
    pub uses: usize,
    /// When it was revoked, if it was.
    pub revoked: Option<u64>,
    /// The machines that have used it.
    pub taken: Vec<Taken>,
}

/// A machine that has used an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The SHA-256 of its key, in hexadecimal.
    pub key: String,
    /// When.
    pub at: u64,
    /// What it was given, to be given again to the same key if the answer was lost: in PEM.
    certificate: String,
}

impl Invitation {
    /// Whether somebody may still come.
    #[must_use]
    pub fn is_open(&self, now: u64) -> bool {
        self.revoked.is_none() && now < self.expires && self.taken.len() < self.uses
    }

    /// When it was over, or will be.
    fn ends(&self) -> u64 {
        self.revoked.unwrap_or(self.expires).min(self.expires)
    }
}

/// What a newcomer is let have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redeemed {
    /// In PEM.
    pub(super) certificate: String,
    /// The invitation by which.
    pub(super) id: String,
}

/// Who is invited to be a child of one place.
pub(super) struct Invitations {
    path: PathBuf,
    most: usize,
    /// By their hash.
    all: Mutex<BTreeMap<String, Invitation>>,
}

impl Invitations {
    /// Reads who was invited in earlier lives.
    pub(super) fn open(data_dir: &Path, most: usize) -> Result<Self, FileError> {
        let path = data_dir.join(INVITATIONS);
        let all: Vec<Invitation> = match path.exists() {
            false => Vec::new(),
            true => serde_json::from_str(&files::read_text(&path)?).map_err(|error| {
                let what =
                    format!("cannot be read: {error}; without the file nobody is invited any more");
                FileError::new(&path, what)
            })?,
        };
        let all = all.into_iter().map(|one| (one.hash.clone(), one));
        Ok(Self {
            path,
            most,
            all: Mutex::new(all.collect()),
        })
    }

    /// Whether anybody could come, if only to be told that it is too late.
    pub(super) fn any(&self, now: u64) -> bool {
        self.all().values().any(|one| remembered(one, now))
    }

    /// Invites whoever has that token.
    pub(super) fn add(
        &self,
        token: &Token,
        valid: Duration,
        uses: usize,
        now: u64,
    ) -> Result<Invitation, FileError> {
        let hash = HEXLOWER.encode(&token::hash(&token.secret));
        let invitation = Invitation {
            id: files::random_hex(4),
            name: token.name.clone(),
            hash: hash.clone(),
            made: now,
            expires: now.saturating_add(valid.as_secs().max(1)),
            uses,
            revoked: None,
            taken: Vec::new(),
        };
        let mut all = self.all();
        let mut changed = all.clone();
        changed.retain(|_, one| remembered(one, now));
        if changed.len() >= self.most {
            // What is over makes room for what is not.
            let over = changed.iter().filter(|(_, one)| !one.is_open(now));
            let over = over.min_by_key(|(_, one)| one.ends());
            let Some(over) = over.map(|(hash, _)| hash.clone()) else {
                let what = format!(
                    "limit `join.invitations` = {} is reached; revoke some that are not needed",
                    self.most
                );
                return Err(FileError::new(&self.path, what));
            };
            changed.remove(&over);
        }
        changed.insert(hash, invitation.clone());
        self.save(&changed)?;
        *all = changed;
        Ok(invitation)
    }

    /// All that are remembered, those that end first at the end.
    pub(super) fn list(&self, now: u64) -> Vec<Invitation> {
        let mut all: Vec<_> = self.all().values().cloned().collect();
        all.retain(|one| remembered(one, now));
        all.sort_by(|a, b| (b.expires, &a.id).cmp(&(a.expires, &b.id)));
        all
    }

    /// Revokes one. None if there is none of that number.
    pub(super) fn revoke(&self, id: &str, now: u64) -> Result<Option<Invitation>, FileError> {
        let mut all = self.all();
        let mut changed = all.clone();
        let Some(one) = changed.values_mut().find(|one| one.id == id) else {
            return Ok(None);
        };
        one.revoked.get_or_insert(now);
        let one = one.clone();
        self.save(&changed)?;
        *all = changed;
        Ok(Some(one))
    }

    /// Lets a newcomer have what it asks for, and says by which invitation: `certify` makes the
    /// certificate. Of several who come at once with one token, no more are let in than it is for.
    ///
    /// # Errors
    /// A sentence for whoever asks.
    pub(super) fn redeem(
        &self,
        request: &Request,
        now: u64,
        certify: impl FnOnce() -> Result<String, FileError>,
    ) -> Result<Redeemed, String> {
        let mut all = self.all();
        let hash = HEXLOWER.encode(&request.hash);
        let Some(known) = all.get(&hash).filter(|one| remembered(one, now)) else {
            return Err(
                "there is no invitation with this token, or it was over long ago; ask for a new one"
                    .to_owned(),
            );
        };
        let ago = |then: u64| {
            let seconds = now.saturating_sub(then).max(1);
            format_duration(Duration::from_secs(seconds))
        };
        if let Some(then) = known.revoked {
            return Err(format!("the invitation was revoked {} ago", ago(then)));
        }
        if known.name != request.name {
            return Err(format!(
                "the invitation is for `{}`, not for `{}`",
                known.name, request.name
            ));
        }
        if now >= known.expires {
            return Err(format!(
                "the invitation is over since {}; ask for a new one",
                ago(known.expires)
            ));
        }
        let key = HEXLOWER.encode(&identity::key_hash(
            &request.asked.public_key.subject_public_key_info(),
        ));
        if let Some(same) = known.taken.iter().find(|taken| taken.key == key) {
            return Ok(Redeemed {
                certificate: same.certificate.clone(),
                id: known.id.clone(),
            });
        }
        if let Some(last) = known.taken.last()
            && known.taken.len() >= known.uses
        {
            return Err(format!(
                "the invitation has been used already, {} ago; if that was not you, tell who \
                 invited you: `waybook ca revoke {}` cuts off whoever it was",
                ago(last.at),
                known.name
            ));
        }
        let failed = |error: &FileError| {
            tracing::error!(name = %request.name, %error, "a newcomer could not be let in");
            "the parent could not make the certificate; its log says why".to_owned()
        };
        let id = known.id.clone();
        let certificate = certify().map_err(|error| failed(&error))?;
        let mut changed = all.clone();
        if let Some(one) = changed.get_mut(&hash) {
            one.taken.push(Taken {
                key,
                at: now,
                certificate: certificate.clone(),
            });
        }
        // Before it is answered: it must be used after a crash as well.
        self.save(&changed).map_err(|error| failed(&error))?;
        *all = changed;
        Ok(Redeemed { certificate, id })
    }

    fn save(&self, all: &BTreeMap<String, Invitation>) -> Result<(), FileError> {
        let all: Vec<_> = all.values().collect();
        let text = serde_json::to_string_pretty(&all)
            .map_err(|error| FileError::new(&self.path, error))?;
        files::write_file(&self.path, text.as_bytes(), 0o600, Existing::Replace)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Invitation>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one that is over need not be forgotten yet.
fn remembered(one: &Invitation, now: u64) -> bool {
    now < one.ends().saturating_add(REMEMBERED.as_secs())
}
