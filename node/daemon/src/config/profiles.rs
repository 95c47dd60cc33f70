//! Profiles of users whose home is another place.

use std::time::Duration;

use super::section::Section;

/// Profiles of users whose home is another place (`[profiles]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfilesConfig {
    /// A copy that is older is refreshed before it is used.
    pub refresh: Duration,
    /// How old a copy may be that is used while the home cannot be reached.
    pub keep: Duration,
    /// Copies at most.
    pub copies: usize,
    /// How long a home may take to answer, and how long one that did not is left alone while there
    /// is a copy.
    pub timeout: Duration,
    /// Homes that are asked at once.
    pub questions: usize,
    /// How many of these questions may be under way over one neighbour, in percent
    /// (`limits.neighbour-share`).
    pub neighbour_share: u8,
}

impl Default for ProfilesConfig {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(60),
            keep: Duration::from_secs(24 * 3600),
            copies: 1000,
            timeout: Duration::from_secs(5),
            questions: 256,
            neighbour_share: 50,
        }
    }
}

pub(super) fn read(section: &Section<'_>) -> ProfilesConfig {
    let d = ProfilesConfig::default();
    let config = ProfilesConfig {
        refresh: section.duration("refresh", d.refresh),
        keep: section.duration("keep", d.keep),
        copies: section.count("copies", d.copies, 1_000_000),
        timeout: section.duration("timeout", d.timeout),
        questions: section.count("questions", d.questions, 1_000_000),
        ..d
    };
    if config.timeout.is_zero() {
        section.problem("timeout", "must be longer than zero");
    }
    if config.keep < config.refresh {
        section.problem("keep", "must not be shorter than `refresh`");
    }
    config
}
