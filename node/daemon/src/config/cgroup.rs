//! How what is booked for programs is enforced.

use super::section::Section;

/// Whether programs are held to what is booked for them, by cgroup v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforce {
    /// Where the place has a group that it may change; elsewhere it says that they are not.
    #[default]
    Auto,
    /// Elsewhere the place does not start.
    Required,
    /// They are not.
    Off,
}

/// The groups of programs (`[cgroup]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupConfig {
    /// Whether there are any.
    pub enforce: Enforce,
    /// Processes and threads that one program may have at a time (`pids.max`).
    pub pids: u64,
}

impl Default for CgroupConfig {
    fn default() -> Self {
        Self {
            enforce: Enforce::default(),
            pids: 1024,
        }
    }
}

/// Reads `[cgroup]`.
pub(super) fn read(section: &Section<'_>) -> CgroupConfig {
    let d = CgroupConfig::default();
    let words = [
        ("auto", Enforce::Auto),
        ("required", Enforce::Required),
        ("off", Enforce::Off),
    ];
    CgroupConfig {
        enforce: section.choice("enforce", d.enforce, &words),
        pids: section.number("pids", d.pids, 1, 4_194_304),
    }
}
