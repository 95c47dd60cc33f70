//! Profiles: what a user prefers and may have, and what their terminal can take.

use serde::{Deserialize, Serialize};

use crate::file::{Document, Problem};
use crate::parse_bandwidth;
use crate::text::check_name;

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
    /// Greatest length of the user's name, and of the name of a quality, in bytes.
    pub const MAX_NAME: usize = 64;
    /// Greatest number of patterns in `may-open`.
    pub const MAX_PATTERNS: usize = 256;
    /// Greatest length of such a pattern in bytes.
    pub const MAX_PATTERN: usize = 200;

    /// Reads a profile file (TOML):
    ///
    /// ```
    /// let profile = waybook_plan::Profile::from_toml(
    ///     r#"
    ///     user = "anna"
    ///     best-quality = "medium"     # optional: better levels are not planned
    ///     may-open = ["film*"]        # optional: without it, every title; [] is none
    ///     [terminal]                  # optional
    ///     bandwidth = "6 Mbit/s"      # optional: levels that need more are not planned
    ///     "#,
    /// )?;
    /// assert_eq!(profile.terminal_bandwidth, Some(6_000_000));
    /// assert!(profile.allows("film about bees") && !profile.allows("camera"));
    /// # Ok::<(), waybook_plan::ProfileError>(())
    /// ```
    ///
    /// # Errors
    /// [`ProfileError`] names line and field, and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let document = Document::parse(text).map_err(|message| ProfileError { message })?;
        read(&document).map_err(|problem| ProfileError {
            message: document.explain(&problem),
        })
    }

    /// Whether the user may open the title: whether it matches a pattern of
    /// [`may_open`](Self::may_open) as a whole. Upper and lower case differ.
    #[must_use]
    pub fn allows(&self, title: &str) -> bool {
        self.may_open.iter().any(|pattern| matches(pattern, title))
    }
}

fn read(document: &Document<'_>) -> Result<Profile, Problem> {
    let root = document
        .root()
        .table(&["user", "best-quality", "terminal", "may-open"])?;

    let user = root.required("user", "\"anna\"")?.to_owned();
    let mut profile = Profile {
        user,
        ..Profile::default()
    };
    if let Some(value) = root.get("user") {
        check_name(&profile.user, Profile::MAX_NAME).map_err(|m| value.problem(m))?;
    }
    if let Some(value) = root.get("best-quality") {
        let name = value.string("\"medium\"")?;
        check_name(name, Profile::MAX_NAME).map_err(|m| value.problem(m))?;
        profile.best_quality = Some(name.to_owned());
    }
    if let Some(terminal) = root.get("terminal")
        && let Some(value) = terminal.table(&["bandwidth"])?.get("bandwidth")
    {
        let text = value.amount("\"6 Mbit/s\"")?;
        let bits = parse_bandwidth(text).map_err(|e| value.problem(e.message))?;
        profile.terminal_bandwidth = Some(bits);
    }
    if let Some(value) = root.get("may-open") {
        let patterns = value.list("a list of titles, such as [\"film*\"]")?;
        if patterns.len() > Profile::MAX_PATTERNS {
            let most = Profile::MAX_PATTERNS;
            return Err(value.problem(format!("has more than {most} entries; use `*`")));
        }
        profile.may_open.clear();
        for pattern in patterns {
            let text = pattern.string("\"film*\"")?;
            check_name(text, Profile::MAX_PATTERN).map_err(|m| pattern.problem(m))?;
            profile.may_open.push(text.to_owned());
        }
    }
    Ok(profile)
}

/// Whether a pattern, in which `*` stands for any run of characters, matches a text.
///
/// The parts between stars are found from the left, each as early as possible, which
/// leaves the most room for the rest: no search needs to be taken back.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(head).and_then(|t| t.strip_suffix(tail)) else {
        return false;
    };
    middle.split('*').all(|part| match left.find(part) {
        Some(at) => {
            left = &left[at + part.len()..];
            true
        }
        None => false,
    })
}
