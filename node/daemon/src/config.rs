//! The place's configuration: one TOML file, overridden by the environment and flags.
//!
//! `configs/place.toml` shows every setting with its unit and default. Every error names
//! file, line and setting, and says what would be right; all that is wrong is reported
//! at once. Relative paths start at the file's folder.

mod api;
mod cgroup;
mod check;
mod code;
mod gateway;
mod join;
mod place;
mod profiles;
mod programs;
mod protocol;
mod reload;
mod section;
mod source;
mod topology;
mod transport;
mod wasm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::trace::ExportConfig;
pub use api::{ApiConfig, ApiLimits, AuditConfig, RemoteRights, TlsConfig, Who};
pub use cgroup::{CgroupConfig, Enforce};
pub use check::{FileKind, check_file, check_text};
pub use gateway::GatewayConfig;
pub use join::JoinConfig;
pub(crate) use join::host_and_port;
pub use profiles::ProfilesConfig;
pub use programs::{ProgramConfig, Ready};
pub use reload::Change;
pub(crate) use reload::{Bound, take_up};
pub use topology::{Deployment, Machine, Topology, TopologyPlace};
pub use transport::{ParentConfig, TransportConfig};
pub use wasm::WasmLimits;

/// Environment variables that begin like settings but belong to the `waybook` command.
pub const NOT_SETTINGS: &[&str] = &[
    "WAYBOOK_CA",
    "WAYBOOK_CONFIG",
    "WAYBOOK_DATA_DIR",
    "WAYBOOK_DIR",
    "WAYBOOK_LOG",
    "WAYBOOK_TOKEN",
    "WAYBOOK_TOKEN_FILE",
    "WAYBOOK_URL",
];

/// Everything that a daemon is told.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonConfig {
    /// What the place itself is told: name, capacity, limits, times.
    pub place: waybook_place::Config,
    /// Where everything that outlives the daemon is kept (`data-dir`).
    pub data_dir: PathBuf,
    /// Who the place is (`[identity]`).
    pub identity: IdentityPaths,
    /// The UDP socket for QUIC (`listen`); port 0 for any free one. Loopback unless set.
    pub listen: SocketAddr,
    /// The parent to join (`[parent]`); none for a root, and only for one.
    pub parent: Option<ParentConfig>,
    /// How new places may join below this one (`[join]`).
    pub join: JoinConfig,
    /// Where sessions' URLs lead (`[gateway]`).
    pub gateway: GatewayConfig,
    /// The control API (`[api]`).
    pub api: ApiConfig,
    /// Profiles of users whose home is another place (`[profiles]`).
    pub profiles: ProfilesConfig,
    /// How much is kept of what was changed (`[audit]`).
    pub audit: AuditConfig,
    /// The TCP socket where collectors get the place's figures without a token
    /// (`metrics.listen`); port 0 for any free one, none by default.
    pub metrics: Option<SocketAddr>,
    /// What is remembered of set-ups, and who else is told (`[trace]`).
    pub trace: TraceConfig,
    /// What `process` components may run here, by name (`[programs.NAME]`).
    pub programs: BTreeMap<String, ProgramConfig>,
    /// How they are held to what is booked for them (`[cgroup]`).
    pub cgroup: CgroupConfig,
    /// Folders that builtin `files` may serve (`files.roots`); none by default.
    pub file_roots: Vec<PathBuf>,
    /// URL prefixes that builtin `upstream` may send to (`upstream.allow`); none by
    /// default. Each begins with `http://` and names a whole host.
    pub upstreams: Vec<String>,
    /// Code on this place's disk, and its transfer (`[code]`). What the place itself is
    /// told of code stands in `place`.
    pub repository: RepositoryConfig,
    /// What `wasm` components may do here (`[wasm]`).
    pub wasm: WasmLimits,
    /// The connections to neighbours (`[transport]`).
    pub transport: TransportConfig,
    /// What is logged (`[log]`).
    pub log: LogConfig,
    /// Where all this was read; none if it came as a text.
    pub source: Option<ConfigSource>,
}

/// Where a configuration was read, so that it can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSource {
    /// The file.
    pub path: PathBuf,
    /// What was laid over it.
    pub overrides: Overrides,
}

/// Where certificate and key lie, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPaths {
    /// The place's certificate, followed by the intermediate authorities if there are
    /// any. Default: `identity/place.crt` in the data folder.
    pub certificate: PathBuf,
    /// Its private key. Default: `identity/place.key` in the data folder.
    pub key: PathBuf,
    /// The certificates of the authorities that neighbours may be certified by.
    /// Default: `identity/authority.crt` in the data folder.
    pub authority: PathBuf,
    /// Lists of revoked certificates (CRL). Unless set, `revoked.crl` beside the authorities,
    /// where there is one.
    pub revoked: Option<PathBuf>,
    /// How often the files are looked at for changes. Default: a minute.
    pub check: Duration,
}

impl IdentityPaths {
    /// The files in one folder, under the names that issuing gives them.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            certificate: folder.join("place.crt"),
            key: folder.join("place.key"),
            authority: folder.join("authority.crt"),
            revoked: None,
            check: Duration::from_secs(60),
        }
    }

    /// Where revoked certificates are listed, and whether that file must be there.
    pub(crate) fn revoked(&self) -> (PathBuf, bool) {
        match &self.revoked {
            Some(path) => (path.clone(), true),
            None => (self.authority.with_file_name("revoked.crl"), false),
        }
    }
}

/// Code on this place's disk, and its transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// The rate that all transfers to this place together are held to, in bit/s; none
    /// for no limit.
    pub rate: Option<u64>,
    /// How long a source may send nothing that counts. Also how long a neighbour may
    /// take to say what it wants.
    pub stall: Duration,
    /// What a source must bring within every `stall` on average, in bit/s.
    pub least_rate: u64,
    /// Transfers served to neighbours at one time, those that are passed on included.
    pub serve: usize,
    /// Of these, to one neighbour.
    pub serve_per_neighbour: usize,
    /// How long a neighbour that is served may take nothing, or a place farther on that
    /// is read for it may send nothing.
    pub reader_stall: Duration,
    /// Code that has come in part and is kept for a next life, in bytes in all.
    pub parts: u64,
    /// How long that is kept after anything last came.
    pub parts_age: Duration,
}

impl Default for RepositoryConfig {
    fn default() -> Self {
        Self {
            rate: None,
            stall: Duration::from_secs(5),
            least_rate: 64_000,
            serve: 64,
            serve_per_neighbour: 16,
            reader_stall: Duration::from_secs(60),
            parts: 1 << 30,
            parts_age: Duration::from_secs(24 * 3600),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or a filter such as
    /// `info,waybook_daemon=debug`.
    pub level: String,
    /// How it looks.
    pub format: LogFormat,
    /// Lines a second that any one place of the program may write; those beyond are left out,
    /// and it is said how many.
    pub lines: u32,
}

/// What is remembered of set-ups, and who else is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// So many set-ups are remembered that went well or go on, and as many that did not; zero
    /// for none.
    pub keep: usize,
    /// Where spans go beside; none by default.
    pub export: Option<ExportConfig>,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// All that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigError {
    /// One sentence each, with file, line and setting, in the order of lines.
    pub problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
        }
    }
}

/// What is laid over the file: the environment first, then the flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Variables with their values.
    ///
    /// `WAYBOOK_` stands before a setting, `__` between a table and its key, `_` for
    /// `-`, and capitals for small letters: `WAYBOOK_TIMING__SETUP_LEASE=8 s` is
    /// `timing.setup-lease = "8 s"`. A value that reads as TOML is that value (`true`,
    /// `64`, `["a", "b"]`); any other is a string. Variables without the prefix and
    /// [`NOT_SETTINGS`] are skipped; any other variable must be a setting.
    pub environment: Vec<(String, String)>,
    /// Like `timing.setup-lease=8 s`, with values as above.
    pub flags: Vec<String>,
}

impl Overrides {
    /// Nothing is overridden.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The environment of this process, and these flags.
    #[must_use]
    pub fn from_process(flags: Vec<String>) -> Self {
        // A variable that is not Unicode cannot be a setting.
        let text = |s: std::ffi::OsString| s.into_string().ok();
        let environment = std::env::vars_os()
            .filter_map(|(k, v)| Some((text(k)?, text(v)?)))
            .filter(|(k, _)| k.starts_with("WAYBOOK_"))
            .collect();
        Self { environment, flags }
    }
}

impl DaemonConfig {
    /// Reads a place's configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (text, folder) = read_file(path)?;
        let read = Self::from_toml(&text, &path.display().to_string(), &folder, overrides)?;
        let path = std::path::absolute(path)
            .map_err(|error| ConfigError::one(format!("{}: {error}", path.display())))?;
        let overrides = overrides.clone();
        Ok(Self {
            source: Some(ConfigSource { path, overrides }),
            ..read
        })
    }

    /// The text of a configuration with what is laid over it, to be written to a file in that
    /// folder.
    ///
    /// # Errors
    /// As [`DaemonConfig::load`].
    pub fn render(
        text: &str,
        name: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<String, ConfigError> {
        Self::from_toml(text, name, folder, overrides)?;
        let value = Self::overlaid(text, name, overrides, &section::Problems::default())?;
        toml::to_string_pretty(&value.to_toml())
            .map_err(|error| ConfigError::one(format!("{name}: {error}")))
    }

    /// A text's settings with what is laid over them.
    fn overlaid(
        text: &str,
        name: &str,
        overrides: &Overrides,
        problems: &section::Problems,
    ) -> Result<source::Value, ConfigError> {
        let mut value = source::parse(name, text).map_err(ConfigError::one)?;
        if let source::Kind::Table(table) = &mut value.kind {
            source::set_from_environment(table, &overrides.environment);
            source::set_from_flags(table, &overrides.flags, problems);
        }
        Ok(value)
    }

    /// Reads a configuration from a text; `name` is what errors call the file, and
    /// `folder` is where relative paths start.
    ///
    /// # Errors
    /// As [`DaemonConfig::load`].
    pub fn from_toml(
        text: &str,
        name: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let problems = section::Problems::default();
        let value = Self::overlaid(text, name, overrides, &problems)?;
        let config = place::read(&value, folder, &problems);
        problems.finish()?;
        config.ok_or_else(|| ConfigError::one(format!("{name}: not a place's configuration")))
    }
}

/// Reads a file, and tells the folder that its relative paths start at.
fn read_file(path: &Path) -> Result<(String, PathBuf), ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::one(format!("{}: {error}", path.display())))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = std::path::absolute(folder)
        .map_err(|error| ConfigError::one(format!("{}: {error}", path.display())))?;
    Ok((text, folder))
}
