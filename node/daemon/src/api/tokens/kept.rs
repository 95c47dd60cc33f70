//! The tokens of a place, as they are kept: only digests, in one file that is replaced as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use blake3::Hash;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::rights::{May, OWNER};
use crate::audit::SYSTEM;
use crate::files::{self, Existing, FileError};
use crate::moment::millis;

/// Tokens that are over and remembered, so that whoever still shows one is told why it is refused.
const OVER: usize = 100;
/// The wall clock is looked at again after that, as somebody may have set it.
const AGAIN: Duration = Duration::from_secs(60);
/// Longest name of a token, in bytes.
const NAME: usize = 64;

/// A token, but for its text, which nobody keeps but its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Of its text (BLAKE3). The text is 256 random bits, so that nothing slower is needed.
    #[serde(with = "hex")]
    digest: Hash,
    /// What its holder may do.
    pub(crate) may: May,
    /// Whom it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: u64,
    /// When it expires; never if there is no moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    /// Who made it.
    pub(crate) by: String,
}

impl Token {
    /// Whether it is over at that moment.
    pub(crate) fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// A token that was revoked, or made room for another one after it had expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Over {
    name: String,
    #[serde(with = "hex")]
    digest: Hash,
    revoked: bool,
    at: u64,
}

/// What is in the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct File {
    #[serde(default)]
    tokens: BTreeMap<String, Token>,
    /// The oldest first.
    #[serde(default)]
    over: Vec<Over>,
}

/// Digests as they stand in the file.
mod hex {
    use blake3::Hash;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digest.to_hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        Hash::from_hex(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) may: May,
    pub(crate) user: Option<String>,
    /// How long it holds; for ever if it is not said.
    pub(crate) valid: Option<Duration>,
    pub(crate) by: String,
}

/// Why a token was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(
        "`{0}` is no name for a token: use 1 to {NAME} letters (a to z), digits, `-`, `_`, `.` and \
         `@`, and neither `{OWNER}` nor `{SYSTEM}`, which stand for the place's own"
    )]
    Name(String),
    #[error("there is a token `{0}` already: revoke it first, or take another name")]
    Taken(String),
    #[error("there is no token `{0}`")]
    Unknown(String),
    #[error(
        "limit `api.tokens` = {0} is reached: revoke those that nobody needs (`waybook token list`)"
    )]
    Full(usize),
    #[error("a token cannot hold that long")]
    TooLong,
    #[error("{0}, so that nothing has changed")]
    File(#[from] FileError),
}

/// Why nothing is done for whoever shows that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is no token of this place, or not any more for so long that nobody remembers.
    Wrong,
    /// The name, and since when.
    Expired(String, u64),
    Revoked(String, u64),
}

/// The tokens of one place.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    most: usize,
    state: Mutex<File>,
    /// Held while the file is being written, so that requests need not wait for the disk.
    writing: Mutex<()>,
    /// Told when something has changed.
    changes: watch::Sender<()>,
}

impl Tokens {
    /// Reads those of a data folder; at most `most` can be there at a time.
    ///
    /// # Errors
    /// [`FileError`] if the file is damaged. Nobody is let in by guessing what was in it.
    pub fn open(folder: &Path, most: usize) -> Result<Self, FileError> {
        let path = folder.join("tokens.json");
        let state = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let what = format!(
                    "{error}; put it back from a backup, or delete it, and make all tokens anew"
                );
                FileError::new(&path, what)
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(FileError::new(&path, error)),
        };
        Ok(Self {
            path,
            most,
            state: Mutex::new(state),
            writing: Mutex::default(),
            changes: watch::Sender::new(()),
        })
    }

    /// All of them by name, those that have expired included.
    pub(crate) fn list(&self) -> BTreeMap<String, Token> {
        self.state().tokens.clone()
    }

    /// The token whose text has that digest. All digests are looked at, each in a time that does not tell
    /// where it differs.
    pub(crate) fn check(&self, digest: Hash, now: SystemTime) -> Result<(String, Token), Denied> {
        let now = millis(now);
        let state = self.state();
        let mut found = Err(Denied::Wrong);
        for over in &state.over {
            if over.digest == digest {
                let (name, at) = (over.name.clone(), over.at);
                found = Err(match over.revoked {
                    true => Denied::Revoked(name, at),
                    false => Denied::Expired(name, at),
                });
            }
        }
        for (name, token) in &state.tokens {
            if token.digest == digest {
                found = match token.expires {
                    Some(end) if token.is_expired(now) => Err(Denied::Expired(name.clone(), end)),
                    _ => Ok((name.clone(), token.clone())),
                };
            }
        }
        found
    }

    /// Waits until nobody is let in with the token whose text has that digest, and says why.
    pub(crate) async fn over(&self, digest: Hash) -> Denied {
        let mut changes = self.changes.subscribe();
        loop {
            let now = SystemTime::now();
            let end = match self.check(digest, now) {
                Ok((_, token)) => token.expires,
                Err(denied) => return denied,
            };
            let left = end.map(|end| Duration::from_millis(end.saturating_sub(millis(now))));
            let left = left.map_or(AGAIN, |left| left.min(AGAIN));
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Makes a token, and gives its text. It is on disk then. Blocks.
    ///
    /// # Errors
    /// [`TokenError`]; nothing has changed then.
    pub(crate) fn create(
        &self,
        new: NewToken,
        now: SystemTime,
    ) -> Result<(String, Token), TokenError> {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
        let name = new.name;
        let named = (1..=NAME).contains(&name.len()) && name.bytes().all(plain);
        if !named || name == OWNER || name == SYSTEM {
            return Err(TokenError::Name(name));
        }
        let end = new.valid.map(|valid| now.checked_add(valid));
        let expires = match end {
            Some(None) => return Err(TokenError::TooLong),
            Some(Some(end)) => Some(millis(end)),
            None => None,
        };
        let text = format!("wbk_{}", files::random_hex(32));
        let now = millis(now);
        let token = Token {
            digest: blake3::hash(text.as_bytes()),
            may: new.may,
            user: new.user,
            created: now,
            expires,
            by: new.by,
        };
        self.change(|file| {
            // What has expired makes room.
            let expired = |token: &Token| token.is_expired(now);
            if file.tokens.get(&name).is_some_and(expired) || file.tokens.len() >= self.most {
                file.expire(now);
            }
            if file.tokens.contains_key(&name) {
                return Err(TokenError::Taken(name));
            }
            if file.tokens.len() >= self.most {
                return Err(TokenError::Full(self.most));
            }
            file.tokens.insert(name, token.clone());
            Ok(())
        })?;
        Ok((text, token))
    }

    /// Revokes a token; nobody is let in with it from now on, whatever happens. Blocks.
    ///
    /// # Errors
    /// [`TokenError`]; nothing has changed then.
    pub(crate) fn revoke(&self, name: &str, now: SystemTime) -> Result<(), TokenError> {
        self.change(|file| {
            let token = file.tokens.remove(name);
            let token = token.ok_or_else(|| TokenError::Unknown(name.to_owned()))?;
            file.remember(Over {
                name: name.to_owned(),
                digest: token.digest,
                revoked: true,
                at: millis(now),
            });
            Ok(())
        })
    }

    /// Changes what is kept: on disk first.
    fn change(
        &self,
        change: impl FnOnce(&mut File) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.state().clone();
        change(&mut file)?;
        let bytes =
            serde_json::to_vec_pretty(&file).map_err(|error| FileError::new(&self.path, error))?;
        files::write_file(&self.path, &bytes, 0o600, Existing::Replace)?;
        *self.state() = file;
        self.changes.send_replace(());
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, File> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    /// Takes out what has expired.
    fn expire(&mut self, now: u64) {
        let expired = self.tokens.extract_if(.., |_, token| token.is_expired(now));
        for (name, token) in expired.collect::<Vec<_>>() {
            self.remember(Over {
                name,
                digest: token.digest,
                revoked: false,
                at: token.expires.unwrap_or(now),
            });
        }
    }

    fn remember(&mut self, over: Over) {
        self.over.push(over);
        let too_many = self.over.len().saturating_sub(OVER);
        self.over.drain(..too_many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rights::Right;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn new(name: &str, valid: Option<u64>) -> NewToken {
        NewToken {
            name: name.to_owned(),
            may: May::of([Right::Open]),
            user: None,
            valid: valid.map(Duration::from_secs),
            by: OWNER.to_owned(),
        }
    }

    #[test]
    fn a_token_lives_through_a_restart_and_its_text_is_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), 10).unwrap();
        let (text, _) = tokens.create(new("ci", None), at(1)).unwrap();
        let kept = std::fs::read_to_string(folder.path().join("tokens.json")).unwrap();
        assert!(!kept.contains(&text[4..]), "{kept}");
        let again = Tokens::open(folder.path(), 10).unwrap();
        assert_eq!(
            again.check(blake3::hash(text.as_bytes()), at(2)).unwrap().0,
            "ci"
        );
        assert_eq!(
            again.check(blake3::hash(b"wbk_"), at(2)),
            Err(Denied::Wrong)
        );

        again.revoke("ci", at(3)).unwrap();
        let revoked = Err(Denied::Revoked("ci".to_owned(), 3_000));
        assert_eq!(again.check(blake3::hash(text.as_bytes()), at(4)), revoked);
        let later = Tokens::open(folder.path(), 10).unwrap();
        assert_eq!(later.check(blake3::hash(text.as_bytes()), at(4)), revoked);
        assert!(matches!(
            later.revoke("ci", at(5)),
            Err(TokenError::Unknown(_))
        ));
    }

    #[test]
    fn an_expired_token_says_so_and_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), 2).unwrap();
        let (short, _) = tokens.create(new("short", Some(10)), at(1)).unwrap();
        tokens.create(new("long", None), at(1)).unwrap();
        assert!(tokens.check(blake3::hash(short.as_bytes()), at(10)).is_ok());
        let expired = Err(Denied::Expired("short".to_owned(), 11_000));
        assert_eq!(
            tokens.check(blake3::hash(short.as_bytes()), at(11)),
            expired
        );
        let full = tokens.create(new("third", None), at(10)).unwrap_err();
        assert!(full.to_string().contains("`api.tokens` = 2"), "{full}");
        let taken = tokens.create(new("long", None), at(10)).unwrap_err();
        assert!(taken.to_string().contains("already"), "{taken}");
        tokens.create(new("third", None), at(11)).unwrap();
        assert_eq!(
            tokens.check(blake3::hash(short.as_bytes()), at(12)),
            expired
        );
        assert_eq!(tokens.list().len(), 2);
    }

    #[test]
    fn what_cannot_be_kept_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone");
        std::fs::create_dir(&path).unwrap();
        let tokens = Tokens::open(&path, 10).unwrap();
        let (text, _) = tokens.create(new("ci", None), at(1)).unwrap();
        std::fs::remove_dir_all(&path).unwrap();
        let error = tokens.revoke("ci", at(2)).unwrap_err().to_string();
        assert!(error.contains("nothing has changed"), "{error}");
        assert!(tokens.check(blake3::hash(text.as_bytes()), at(3)).is_ok());
    }

    #[test]
    fn names_are_plain_and_a_damaged_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), 10).unwrap();
        for name in ["", "owner", "system", "a/b", "a b", "é", &"x".repeat(65)] {
            let error = tokens.create(new(name, None), at(1)).unwrap_err();
            assert!(matches!(error, TokenError::Name(_)), "{name}");
        }
        std::fs::write(folder.path().join("tokens.json"), "{").unwrap();
        let error = Tokens::open(folder.path(), 10).unwrap_err().to_string();
        assert!(
            error.contains("tokens.json") && error.contains("backup"),
            "{error}"
        );
    }
}
