//! What was changed at the place, when and by whom: one line of JSON for each change, in a file that is
//! only appended to.
//!
//! A change is answered when its line is on disk. So that a full disk cannot come between the two,
//! room for the line is taken before anything is changed; where there is none, nothing is.

mod log;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;
use waybook_location_tree::PlaceName;

use crate::api::model::{AuditInfo, AuditResult};
use crate::config::{self, AuditConfig};
use crate::files::{self, FileError};
use crate::moment::{millis, rfc3339};
use log::{LINE, Log, path};

/// Who did what the place did by itself, or was told by a signal.
pub(crate) const SYSTEM: &str = "system";
/// Greatest length of the texts of an entry, in bytes, so that it is no longer than [`LINE`].
const ON: usize = 300;
const WHY: usize = 600;
/// Lines that wait for the disk at most.
const LATE: usize = 1000;

/// The record of one place. It blocks: it is asked where that may be.
#[derive(Debug)]
pub struct Audit {
    folder: PathBuf,
    place: String,
    config: AuditConfig,
    state: Mutex<State>,
    /// The number of the latest entry.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    log: Log,
    number: u64,
    /// Changes under way, for each of which there is room.
    pending: u64,
    /// What could not be written, the oldest first.
    late: VecDeque<Vec<u8>>,
}

/// Room for one entry. Without one nothing may be changed.
#[derive(Debug)]
pub(crate) struct Permit(Option<Arc<Audit>>);

/// A change, before it has a number and a time.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The token that was shown, or [`SYSTEM`].
    pub(crate) token: String,
    /// Whom it is bound to.
    pub(crate) user: Option<String>,
    /// The place where it was asked for.
    pub(crate) origin: PlaceName,
    /// The client's address, or the neighbour that it came by, or what else made it.
    pub(crate) from: String,
    /// What was done, in a word.
    pub(crate) what: &'static str,
    /// To what.
    pub(crate) on: Option<String>,
    /// The answer's status; none where nobody was answered.
    pub(crate) status: Option<u16>,
    /// Why it failed, if it did.
    pub(crate) why: Option<String>,
}

impl Change {
    /// What the place did by itself, or was told by a signal.
    pub(crate) fn of_system(
        place: &PlaceName,
        from: &'static str,
        what: &'static str,
        on: String,
    ) -> Self {
        Self {
            token: SYSTEM.to_owned(),
            user: None,
            origin: place.clone(),
            from: from.to_owned(),
            what,
            on: Some(on),
            status: None,
            why: None,
        }
    }

    /// What the place took up of the files of a certificate.
    pub(crate) fn of_files(place: &PlaceName, changed: &config::Change) -> Self {
        let config::Change {
            setting,
            before,
            now,
        } = changed;
        let on = format!("{setting}: {before} -> {now}");
        Self::of_system(place, "files", "certificate", on)
    }
}

/// Which entries somebody wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Those with greater numbers.
    pub(crate) after: u64,
    /// Those at that moment and later, in milliseconds since 1970.
    pub(crate) since: u64,
    /// The latest so many of them.
    pub(crate) most: usize,
}

impl Audit {
    /// Goes on with the record of a data folder, or begins it.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be used. A line that a crash has cut is cut off.
    pub fn open(folder: &Path, place: &PlaceName, config: AuditConfig) -> Result<Self, FileError> {
        let folder = folder.join("audit");
        files::private_folder(&folder)?;
        let log = Log::open(&folder)?;
        let mut number = 0;
        for age in 0..=config.keep {
            read(&path(&folder, age), |entry| {
                number = number.max(entry.number);
            })?;
            if number > 0 {
                break;
            }
        }
        let state = State {
            log,
            number,
            pending: 0,
            late: VecDeque::new(),
        };
        Ok(Self {
            folder,
            place: place.to_string(),
            config,
            state: Mutex::new(state),
            news: watch::Sender::new(number),
        })
    }

    /// Takes room for one entry.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn permit(self: &Arc<Self>) -> Result<Permit, FileError> {
        let mut state = self.state();
        let state = &mut *state;
        state.catch_up()?;
        if state.pending == 0 && state.log.length() >= self.config.size {
            state.log.rotate(&self.folder, self.config.keep)?;
        }
        state.log.reserve((state.pending + 1) * LINE)?;
        state.pending += 1;
        Ok(Permit(Some(self.clone())))
    }

    /// Writes down what the place did by itself. It was done already, so a disk that is full only
    /// delays the entry.
    pub(crate) fn note(self: &Arc<Self>, change: &Change) {
        let noted = match self.permit() {
            Ok(permit) => permit.finish(change),
            Err(error) => {
                self.state().keep_late(&self.place, change, &self.news);
                Err(error)
            }
        };
        if let Err(error) = noted {
            let what = change.what;
            tracing::error!(%error, what, "a change is not in the audit log yet");
        }
    }

    /// The entries that somebody wants, the oldest first.
    pub(crate) fn list(&self, wanted: Wanted) -> Result<Vec<AuditInfo>, FileError> {
        let mut found = VecDeque::new();
        // RFC 3339 in UTC sorts as time goes.
        let since = rfc3339(wanted.since);
        for age in (0..=self.config.keep).rev() {
            read(&path(&self.folder, age), |entry| {
                if entry.number > wanted.after && entry.at >= since {
                    found.push_back(entry);
                    if found.len() > wanted.most {
                        found.pop_front();
                    }
                }
            })?;
        }
        Ok(found.into())
    }

    /// Tells the number of the latest entry.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Writes down what became of the change. It is on disk then.
    ///
    /// # Errors
    /// What went wrong with the disk. The entry is written with the next change, or refuses it.
    pub(crate) fn finish(mut self, change: &Change) -> Result<(), FileError> {
        let Some(audit) = self.0.take() else {
            return Ok(());
        };
        let mut state = audit.state();
        state.pending -= 1;
        state.keep_late(&audit.place, change, &audit.news);
        state.catch_up()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(audit) = self.0.take() {
            audit.state().pending -= 1;
        }
    }
}

impl State {
    /// Gives a change its number, and has it wait for the disk.
    fn keep_late(&mut self, place: &str, change: &Change, news: &watch::Sender<u64>) {
        if self.late.len() >= LATE {
            tracing::error!(
                what = change.what,
                "a change is in no audit log: too many wait"
            );
            return;
        }
        self.number += 1;
        let entry = entry(self.number, place, change);
        // Texts and numbers always serialize.
        let mut line = serde_json::to_vec(&entry).unwrap_or_default();
        line.push(b'\n');
        self.late.push_back(line);
        news.send_replace(self.number);
    }

    /// Writes what waits.
    fn catch_up(&mut self) -> Result<(), FileError> {
        while let Some(line) = self.late.front() {
            self.log.append(line)?;
            self.late.pop_front();
        }
        Ok(())
    }
}

/// A change as it is written down.
fn entry(number: u64, place: &str, change: &Change) -> AuditInfo {
    let result = match change.why {
        None => AuditResult::Done,
        Some(_) => AuditResult::Failed,
    };
    AuditInfo {
        number,
        at: rfc3339(millis(SystemTime::now())),
        place: place.to_owned(),
        token: change.token.clone(),
        user: change.user.clone(),
        origin: change.origin.to_string(),
        from: change.from.clone(),
        what: change.what.to_owned(),
        on: change.on.as_ref().map(|on| plain(on, ON)),
        result,
        status: change.status,
        why: change.why.as_ref().map(|why| plain(why, WHY)),
    }
}

/// Text without what would make it longer as JSON than twice its length, and cut off.
fn plain(text: &str, most: usize) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let mut plain: String = text.chars().map(blank).collect();
    plain.truncate(plain.floor_char_boundary(most));
    plain
}

/// Tells every entry of a file; none if there is no file. What is none is left out.
fn read(path: &Path, mut tell: impl FnMut(AuditInfo)) -> Result<(), FileError> {
    let fail = |error: std::io::Error| FileError::new(path, error);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    for line in BufReader::new(file).split(b'\n') {
        if let Ok(entry) = serde_json::from_slice(&line.map_err(fail)?) {
            tell(entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
