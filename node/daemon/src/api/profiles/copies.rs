//! Copies of profiles that other places keep, in memory and on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Profile, User};

use crate::FileError;
use crate::files::{self, Existing};
use crate::moment::millis;

/// Where the copies are in the data folder.
const FOLDER: &str = "profile-copies";

/// A profile as its home told it.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) profile: Arc<Profile>,
    /// When it was told or, for one of an earlier life, when that was read.
    since: Instant,
    /// How old it was then.
    before: Duration,
    /// When its home was last asked in vain since, and why.
    pub(super) failed: Option<(Instant, Arc<str>)>,
    /// Counts up with every use.
    used: u64,
}

impl Copy {
    /// How long ago its home told it.
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.before + now.saturating_duration_since(self.since)
    }
}

/// The copies, at most so many.
#[derive(Debug)]
pub(super) struct Copies {
    most: usize,
    used: u64,
    of: BTreeMap<PlaceName, BTreeMap<String, Copy>>,
}

impl Copies {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            used: 0,
            of: BTreeMap::new(),
        }
    }

    fn len(&self) -> usize {
        self.of.values().map(BTreeMap::len).sum()
    }

    /// The copy of that user's profile, which is used now.
    pub(super) fn take(&mut self, user: &User) -> Option<Copy> {
        self.used += 1;
        let copy = self.of.get_mut(user.home()?)?.get_mut(user.name())?;
        copy.used = self.used;
        Some(copy.clone())
    }

    /// Keeps what a home has told, and gives the users whose copies made room.
    pub(super) fn put(&mut self, user: &User, profile: Arc<Profile>, now: Instant) -> Vec<User> {
        self.put_aged(user, profile, now, Duration::ZERO)
    }

    fn put_aged(
        &mut self,
        user: &User,
        profile: Arc<Profile>,
        since: Instant,
        before: Duration,
    ) -> Vec<User> {
        let Some(home) = user.home() else {
            return Vec::new();
        };
        self.used += 1;
        let copy = Copy {
            profile,
            since,
            before,
            failed: None,
            used: self.used,
        };
        let of = self.of.entry(home.clone()).or_default();
        of.insert(user.name().to_owned(), copy);
        let mut gone = Vec::new();
        while self.len() > self.most {
            let Some(user) = self.least() else { break };
            self.remove(&user);
            gone.push(user);
        }
        gone
    }

    /// The one to go for another: of the home with the most, so that one with very many
    /// users costs no other its copies, that which was not used for longest.
    fn least(&self) -> Option<User> {
        let (home, of) = self.of.iter().max_by_key(|(_, of)| of.len())?;
        let (name, _) = of.iter().min_by_key(|(_, copy)| copy.used)?;
        User::new(&format!("{name}@{home}")).ok()
    }

    /// Its home could not be asked.
    pub(super) fn fail(&mut self, user: &User, now: Instant, why: &Arc<str>) {
        let of = user.home().and_then(|home| self.of.get_mut(home));
        if let Some(copy) = of.and_then(|of| of.get_mut(user.name())) {
            copy.failed = Some((now, why.clone()));
        }
    }

    /// Its home has said something else.
    pub(super) fn remove(&mut self, user: &User) {
        let Some(home) = user.home() else { return };
        if let Some(of) = self.of.get_mut(home) {
            of.remove(user.name());
            if of.is_empty() {
                self.of.remove(home);
            }
        }
    }

    fn get(&self, user: &User) -> Option<&Copy> {
        self.of.get(user.home()?)?.get(user.name())
    }
}

/// A copy as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// With the home.
    user: String,
    /// When the home told it, in milliseconds since 1970.
    told: u64,
    best_quality: Option<String>,
    terminal_bandwidth: Option<u64>,
    may_open: Vec<String>,
}

/// Where copies outlive the daemon: one file each, which only its user may read.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    /// Held while files are written, so that the last one to write sees the last state.
    writing: Mutex<()>,
}

impl Shelf {
    pub(super) fn open(data: &Path) -> Result<Self, FileError> {
        let folder = data.join(FOLDER);
        files::private_folder(&folder)?;
        Ok(Self {
            folder,
            writing: Mutex::default(),
        })
    }

    /// A user's file. No name of a user or place has a `+` in it.
    fn path(&self, user: &User) -> PathBuf {
        let name = user.to_string().replace('/', "+");
        self.folder.join(format!("{name}.json"))
    }

    /// Reads what an earlier life has kept and may still be used. Blocks.
    ///
    /// A copy is no loss: what cannot be read, or is too old, goes.
    pub(super) fn read(&self, into: &mut Copies, keep: Duration, now: Instant, clock: SystemTime) {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => {
                let folder = self.folder.display();
                tracing::warn!(%folder, %error, "copies of profiles cannot be read");
                return;
            }
        };
        let mut read = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            match self.read_one(&path, clock) {
                Some((user, profile, age)) if age <= keep => read.push((age, user, profile)),
                _ => drop(std::fs::remove_file(&path)),
            }
        }
        // The oldest first, so that they go first where there are too many.
        read.sort_by(|(a, by, _), (b, than, _)| b.cmp(a).then(by.cmp(than)));
        for (age, user, profile) in read {
            for gone in into.put_aged(&user, Arc::new(profile), now, age) {
                let _ = std::fs::remove_file(self.path(&gone));
            }
        }
    }

    fn read_one(&self, path: &Path, clock: SystemTime) -> Option<(User, Profile, Duration)> {
        let written: Written = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let user = User::new(&written.user).ok()?;
        if user.home().is_none() || self.path(&user) != path {
            return None;
        }
        let told = UNIX_EPOCH.checked_add(Duration::from_millis(written.told))?;
        // A clock that was set back makes nothing older.
        let age = clock.duration_since(told).unwrap_or_default();
        let profile = Profile {
            user: user.name().to_owned(),
            best_quality: written.best_quality,
            terminal_bandwidth: written.terminal_bandwidth,
            may_open: written.may_open,
        };
        Some((user, profile, age))
    }

    /// Makes the files of these users what is in memory now. Blocks.
    pub(super) fn write(&self, copies: &Mutex<Copies>, users: &[User]) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for user in users {
            let copy = {
                let copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
                copies.get(user).cloned()
            };
            let path = self.path(user);
            let done = match copy {
                None => match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(error.to_string())
                    }
                    _ => Ok(()),
                },
                Some(copy) => write_one(&path, user, &copy),
            };
            if let Err(error) = done {
                tracing::warn!(%user, error, "the copy of a profile is not on disk");
            }
        }
    }
}

fn write_one(path: &Path, user: &User, copy: &Copy) -> Result<(), String> {
    let told = SystemTime::now().checked_sub(copy.age(Instant::now()));
    let profile = &copy.profile;
    let written = Written {
        user: user.to_string(),
        told: millis(told.unwrap_or(UNIX_EPOCH)),
        best_quality: profile.best_quality.clone(),
        terminal_bandwidth: profile.terminal_bandwidth,
        may_open: profile.may_open.clone(),
    };
    let text = serde_json::to_vec_pretty(&written).map_err(|error| error.to_string())?;
    files::write_file(path, &text, 0o600, Existing::Replace).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(text: &str) -> User {
        User::new(text).unwrap()
    }

    fn profile(bandwidth: u64) -> Arc<Profile> {
        Arc::new(Profile {
            user: "ann".to_owned(),
            best_quality: Some("low".to_owned()),
            terminal_bandwidth: Some(bandwidth),
            may_open: vec!["film*".to_owned()],
        })
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn copies_outlive_a_restart_with_their_age() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(data.path()).unwrap();
        let copies = Mutex::new(Copies::new(10));
        let (ann, bob) = (user("ann@core/x"), user("bob@core/x"));
        for who in [&ann, &bob] {
            copies.lock().unwrap().put(who, profile(7), Instant::now());
        }
        shelf.write(&copies, &[ann.clone(), bob.clone()]);
        copies.lock().unwrap().remove(&bob);
        shelf.write(&copies, std::slice::from_ref(&bob));
        std::fs::write(data.path().join(FOLDER).join("eve@core+x.json"), "{").unwrap();
        let read = |later: Duration| {
            let mut read = Copies::new(10);
            let clock = SystemTime::now() + later;
            Shelf::open(data.path())
                .unwrap()
                .read(&mut read, MINUTE * 10, Instant::now(), clock);
            read
        };
        let mut again = read(MINUTE * 5);
        assert_eq!(again.len(), 1);
        let copy = again.take(&ann).unwrap();
        assert_eq!(copy.profile, profile(7));
        assert!(copy.age(Instant::now()) >= MINUTE * 5);
        // What is too old is gone from the disk as well.
        assert_eq!(read(MINUTE * 11).len(), 0);
        assert_eq!(read(Duration::ZERO).len(), 0);
    }

    #[test]
    fn more_on_disk_than_is_allowed_goes_the_oldest_first() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(data.path()).unwrap();
        let copies = Mutex::new(Copies::new(3));
        let all = ["ann@core/x", "bob@core/x", "eve@core/x"].map(user);
        for (minutes, who) in (0_u32..).zip(&all) {
            let mut copies = copies.lock().unwrap();
            copies.put_aged(who, profile(7), Instant::now(), MINUTE * (3 - minutes));
        }
        shelf.write(&copies, &all);
        let mut fewer = Copies::new(2);
        shelf.read(&mut fewer, MINUTE * 9, Instant::now(), SystemTime::now());
        assert!(fewer.get(&all[0]).is_none() && fewer.len() == 2);
        let files = std::fs::read_dir(data.path().join(FOLDER)).unwrap();
        assert_eq!(files.count(), 2);
    }

    proptest! {
        /// However many users a home has, the copies of others stay while these are no more
        /// than their part.
        #[test]
        fn one_home_costs_another_nothing(
            puts in proptest::collection::vec((0_u8..3, 0_u8..40), 1..200),
        ) {
            let mut copies = Copies::new(12);
            let mut latest = BTreeMap::<u8, Vec<u8>>::new();
            for (home, who) in puts {
                let named = user(&format!("u{who}@core/h{home}"));
                let gone = copies.put(&named, profile(1), Instant::now());
                let seen = latest.entry(home).or_default();
                seen.retain(|other| *other != who);
                seen.push(who);
                prop_assert!(copies.len() <= 12);
                prop_assert!(!gone.contains(&named));
                for (home, seen) in &latest {
                    for who in seen.iter().rev().take(4) {
                        let named = user(&format!("u{who}@core/h{home}"));
                        prop_assert!(copies.get(&named).is_some(), "{} went", named);
                    }
                }
            }
        }
    }
}
