//! Checks any of Waybook's files.

use std::fmt;
use std::path::Path;

use waybook_plan::{Manifest, Presentation, Profile};

use super::source::{self, Kind};
use super::{ConfigError, DaemonConfig, Overrides, Topology};

/// The kinds of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The configuration of one place.
    Place,
    /// A whole tree of places.
    Topology,
    /// A title with its quality levels.
    Presentation,
    /// A user's profile.
    Profile,
    /// What is written about a component, which is not looked into.
    Component,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Place => "place",
            Self::Topology => "topology",
            Self::Presentation => "presentation",
            Self::Profile => "profile",
            Self::Component => "component",
        })
    }
}

/// Recognises and checks a file.
///
/// # Errors
/// [`ConfigError`] with what is wrong, or that the file is of no known kind.
pub fn check_file(path: &Path) -> Result<FileKind, ConfigError> {
    let (text, folder) = super::read_file(path)?;
    check_text(&text, &path.display().to_string(), &folder)
}

/// As [`check_file`], for a text; `name` is what errors call the file.
///
/// # Errors
/// As [`check_file`].
pub fn check_text(text: &str, name: &str, folder: &Path) -> Result<FileKind, ConfigError> {
    let value = source::parse(name, text).map_err(ConfigError::one)?;
    let Kind::Table(table) = &value.kind else {
        return Err(unknown(name));
    };
    let has = |keys: &[&str]| keys.iter().any(|k| table.contains_key(*k));
    let plain = |problem: String| ConfigError::one(format!("{name}: {problem}"));
    if has(&["place", "defaults"]) {
        Topology::from_toml(text, name, folder)?;
        return Ok(FileKind::Topology);
    }
    if has(&["title", "quality"]) {
        Presentation::from_toml(text).map_err(|e| plain(e.message))?;
        return Ok(FileKind::Presentation);
    }
    if has(&["user", "best-quality", "terminal-bandwidth", "may-open"]) {
        Profile::from_toml(text).map_err(|e| plain(e.message))?;
        return Ok(FileKind::Profile);
    }
    let named = Path::new(name).file_name();
    if named.is_some_and(|named| named == "component.toml") || has(&["version", "dependencies"]) {
        Manifest::from_toml(text).map_err(|e| plain(e.0))?;
        return Ok(FileKind::Component);
    }
    if has(&["name", "data-dir", "capacity", "parent", "listen"]) {
        DaemonConfig::from_toml(text, name, folder, &Overrides::none())?;
        return Ok(FileKind::Place);
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> ConfigError {
    ConfigError::one(format!(
        "{name}: not a file that Waybook knows: a place has `name` and `data-dir`, a topology \
         `[[place]]`, a presentation `title` and `[[quality]]`, a profile `user`, a component \
         `name` and `version`, a scenario `[topology]` and `[[users]]`, a sweep `scenario` and \
         `[parameters]`"
    ))
}
