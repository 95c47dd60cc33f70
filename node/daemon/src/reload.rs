//! Reading the configuration and the identity again while the place runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use waybook_place::Settings;
use waybook_place::io::Input;

use crate::certificates::Certificates;
use crate::config::{Bound, Change, ConfigError, DaemonConfig, take_up};
use crate::join::Joining;
use crate::{ApiTls, FileError, PlaceHandle};

/// Reads the configuration again. All of it is taken up that can be, or nothing.
pub trait Reload: Send + Sync {
    /// Reads it, and hands what has changed to the place. It reads a file, and so blocks.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing has changed then.
    fn reload(&self) -> Result<Reloaded, ReloadError>;
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// What was read.
    pub file: PathBuf,
    /// What has changed.
    pub changed: Vec<Change>,
    /// Settings that are different, and change with the next start only.
    pub restart: Vec<String>,
}

/// What has changed, and what is to change with a start.
impl std::fmt::Display for Reloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let changed = self.changed.iter().map(
            |Change {
                 setting,
                 before,
                 now,
             }| format!("{setting}: {before} -> {now}"),
        );
        let restart = self.restart.iter();
        let restart = restart.map(|setting| format!("{setting}: with the next start"));
        let all: Vec<_> = changed.chain(restart).collect();
        match all.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&all.join("; ")),
        }
    }
}

/// Why the configuration was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// What is wrong with the file.
    #[error("{0}")]
    File(ConfigError),
    /// What is wrong with the files of a certificate.
    #[error(transparent)]
    Identity(FileError),
    /// It did not come from a file.
    #[error("the place was not started from a file that could be read again")]
    NoFile,
}

/// A configuration that is somebody else's.
impl Reload for () {
    fn reload(&self) -> Result<Reloaded, ReloadError> {
        Err(ReloadError::NoFile)
    }
}

/// The configuration that a daemon runs with.
pub(crate) struct Reloader {
    running: Mutex<DaemonConfig>,
    bound: Bound,
    place: PlaceHandle,
    certificates: Arc<Certificates>,
    tls: Option<Arc<ApiTls>>,
    joining: Arc<Joining>,
}

impl Reloader {
    pub(crate) fn new(
        running: DaemonConfig,
        bound: Bound,
        place: PlaceHandle,
        certificates: Arc<Certificates>,
        tls: Option<Arc<ApiTls>>,
        joining: Arc<Joining>,
    ) -> Self {
        Self {
            running: Mutex::new(running),
            bound,
            place,
            certificates,
            tls,
            joining,
        }
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<Reloaded, ReloadError> {
        // Held while it is read, so that of two that come at once the later one is the last.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let source = running.source.clone().ok_or(ReloadError::NoFile)?;
        let read = DaemonConfig::load(&source.path, &source.overrides);
        let read = read.map_err(ReloadError::File)?;
        let renewed = self.certificates.look(SystemTime::now());
        let mut renewed = renewed.map_err(ReloadError::Identity)?;
        if let Some(tls) = &self.tls {
            let seen = tls.look(SystemTime::now()).map_err(ReloadError::Identity)?;
            renewed.extend(seen);
        }
        let (mut changed, restart) = take_up(&mut running, &read, self.bound);
        let told = Settings::from(running.place.clone());
        self.place.input(Input::Reload(Arc::clone(&told.common)));
        self.joining.configure(running.join.clone());
        for Change {
            setting,
            before,
            now,
        } in &changed
        {
            tracing::info!(%setting, %before, %now, "a setting has changed");
        }
        changed.splice(..0, renewed);
        if !restart.is_empty() {
            let settings = restart.join(", ");
            tracing::warn!(%settings, "settings that change with the next start only");
        }
        Ok(Reloaded {
            file: source.path,
            changed,
            restart,
        })
    }
}
