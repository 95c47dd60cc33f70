//! What can go wrong between a client and a place.

use std::path::PathBuf;

use crate::model::Problem;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No daemon runs in the data folder.
    #[error(
        "no place runs in {}: start it with `waybook place run --config FILE`, or a whole tree with \
         `waybook up TOPOLOGY`",
        folder.display()
    )]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
    },
    /// A file of the data folder cannot be used.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// What was to be sent cannot be read: the file, and why.
    #[error("{0}")]
    Upload(String),
    /// The URL is not one of a control API.
    #[error("`{url}` is no address of a control API: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing answers at the address, or the connection broke.
    #[error("the place's daemon at {address} cannot be reached: {why}")]
    Unreachable {
        /// Where it should answer.
        address: String,
        /// What was found.
        why: String,
    },
    /// Whoever answers at the address does not show a certificate that counts.
    #[error("the certificate of {address} is not accepted: {why}")]
    Certificate {
        /// Where it should answer.
        address: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The daemon answered with a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The daemon's answer is not what this client knows.
    #[error("the daemon's answer cannot be read ({0}): is it of another version?")]
    Answer(String),
}

impl Error {
    /// The problem that the daemon answered with, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
