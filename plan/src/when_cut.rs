//! What becomes of a session when the path between its places is cut.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a presentation wants for its sessions while two neighbours on their path cannot
/// reach each other.
///
/// The places on both sides of the cut keep what they have. Each side by itself gives a
/// session up when it has been cut for too long, so that neither waits for word from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WhenCut {
    /// How long a session that is cut is kept, on both sides of the cut. Without it, each place
    /// keeps it for its session lease.
    pub lost_after: Option<Duration>,
    /// Which session goes on when both sides are back, if the client asked for another one
    /// under the same key meanwhile.
    pub reconcile: Reconcile,
}

impl WhenCut {
    /// The longest time that a session which is cut may be kept: 30 days. What is booked for
    /// it lies idle on both sides all the time.
    pub const MAX_LOST_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Whether it is what is done without saying anything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what everybody promises who says anything about this.
    ///
    /// # Errors
    /// A sentence about [`lost_after`](Self::lost_after), without its name.
    pub fn check(&self) -> Result<(), String> {
        match self.lost_after {
            Some(Duration::ZERO) => Err("this must not be zero; write \"10 min\"".to_owned()),
            Some(time) if time > Self::MAX_LOST_AFTER => Err(format!(
                "this is longer than {} days",
                Self::MAX_LOST_AFTER.as_secs() / (24 * 3600)
            )),
            _ => Ok(()),
        }
    }
}

/// Which of a client's two sessions goes on: the one whose path was cut, or the one that the
/// client got in its place while it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reconcile {
    /// The one that took its place. The other is given up as soon as there is a replacement.
    #[default]
    Replacement,
    /// The one that was cut, if it is kept until the path is whole again. The one that took
    /// its place then ends.
    Original,
}

impl Reconcile {
    /// Both, with the word for each.
    pub(crate) const WORDS: [(&'static str, Self); 2] = [
        ("replacement", Self::Replacement),
        ("original", Self::Original),
    ];

    /// How it is written in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Replacement => "replacement",
            Self::Original => "original",
        }
    }
}

impl fmt::Display for Reconcile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
