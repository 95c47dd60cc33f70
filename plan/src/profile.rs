//! Profiles: what a user prefers and may have, and what their terminal can take.

use serde::{Deserialize, Serialize};

/// A user's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user's name.
    pub user: String,
    /// The best quality level wanted, by name; better ones are not planned.
    pub best_quality: Option<String>,
    /// The greatest bandwidth towards the client that the terminal can take, in bit/s.
    pub terminal_bandwidth: Option<u64>,
    /// The titles that the user may open; `*` stands for any run of characters.
    pub may_open: Vec<String>,
}

/// Why a profile was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProfileError {
    /// What is wrong, with line and field, and what would be right.
    pub message: String,
}

impl Default for Profile {
    /// Anybody: no preference, no limit, every title.
    fn default() -> Self {
        Self {
            user: "anybody".to_owned(),
            best_quality: None,
            terminal_bandwidth: None,
            may_open: vec!["*".to_owned()],
        }
    }
}

impl Profile {
    /// Reads a profile file (TOML).
    ///
    /// # Errors
    /// [`ProfileError`] names line and field, and what would be right.
    pub fn from_toml(_text: &str) -> Result<Self, ProfileError> {
        Err(ProfileError {
            message: String::new(),
        })
    }

    /// Whether the user may open the title.
    #[must_use]
    pub fn allows(&self, _title: &str) -> bool {
        true
    }
}
