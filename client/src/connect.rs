//! How a client finds a daemon: by its data folder.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// What a running daemon writes into `runtime.json` of its data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// The place's name.
    pub name: String,
    /// The daemon's process.
    pub pid: u32,
    /// Where the control API answers.
    pub api: Option<SocketAddr>,
    /// The certificate that it shows, from the data folder on, if connections to it are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_certificate: Option<PathBuf>,
    /// The life of the place.
    pub incarnation: u64,
    /// Where children connect.
    pub quic: SocketAddr,
    /// Where sessions' URLs lead.
    pub gateway: Option<SocketAddr>,
    /// Where collectors get the place's figures without a token.
    pub metrics: Option<SocketAddr>,
}

impl Runtime {
    /// Reads the file of a data folder.
    ///
    /// # Errors
    /// [`Error::NotRunning`] if there is none, [`Error::File`] if it is none of ours.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("runtime.json");
        let text = read(folder, &path)?;
        serde_json::from_str(&text).map_err(|error| Error::File {
            path,
            what: error.to_string(),
        })
    }
}

/// The token that the daemon of a data folder wants to see.
pub(crate) fn token(folder: &Path) -> Result<String, Error> {
    Ok(read(folder, &folder.join("token"))?.trim().to_owned())
}

fn read(folder: &Path, path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotRunning {
            folder: folder.to_owned(),
        },
        io::ErrorKind::PermissionDenied => Error::File {
            path: path.to_owned(),
            what: "only the user that runs the place may read this".to_owned(),
        },
        _ => Error::File {
            path: path.to_owned(),
            what: error.to_string(),
        },
    })
}
