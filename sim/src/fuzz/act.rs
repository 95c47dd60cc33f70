//! What is done to a case, and when.

use serde::{Deserialize, Serialize};

use crate::faults::Way;

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timed {
    /// When, from the beginning.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    deny_unknown_fields,
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Act {
    /// A place crashes, and starts again after a while.
    Crash {
        /// Which.
        place: String,
        /// For how long it is down.
        for_ms: u64,
        /// Whether its disk survives.
        disk: bool,
        /// Who learns that the connections broke: `both`, `nobody`, or a place.
        tell: String,
    },
    /// The edge above a place is cut for a while.
    Cut {
        /// The place below.
        place: String,
        /// For how long.
        for_ms: u64,
        /// Who learns of it: `both`, `nobody`, or a place.
        tell: String,
    },
    /// Nothing passes the edge above a place for a while, and nobody learns of it.
    Mute {
        /// The place below.
        place: String,
        /// In which direction.
        way: Way,
        /// For how long.
        for_ms: u64,
    },
    /// A machine is slow for a while.
    Slow {
        /// Whose.
        place: String,
        /// So many times as slow.
        factor: u32,
        /// For how long.
        for_ms: u64,
    },
    /// A clock is set.
    Step {
        /// Whose.
        place: String,
        /// By how much.
        by_ms: i64,
    },
    /// Something happens to one message, counted from then.
    Message {
        /// Which.
        nth: u64,
        /// Of which kind, if not of any.
        kind: Option<String>,
        /// What happens to it.
        how: Mishap,
        /// By how much.
        by_ms: u64,
    },
    /// Components of a name behave differently from then on.
    Component {
        /// Where; everywhere if not said.
        place: Option<String>,
        /// Which.
        name: String,
        /// What becomes of it.
        how: Conduct,
        /// After how long it does.
        after_ms: u64,
    },
    /// An operator orders something about code.
    Order {
        /// Where.
        place: String,
        /// What.
        order: Errand,
        /// Which, by its number in the case.
        code: usize,
    },
    /// A place looks for code in another way from then on.
    Download {
        /// Where.
        place: String,
        /// Which way.
        strategy: String,
    },
    /// Transfers of a piece of code have trouble at a place from then on.
    Trouble {
        /// Where.
        place: String,
        /// Which, by its number in the case.
        code: usize,
        /// What is wrong with them.
        how: Defect,
        /// From which chunk on.
        chunk: u64,
    },
    /// A place takes a title away, and serves it again after a while.
    Withdraw {
        /// Where.
        place: String,
        /// Which.
        title: String,
        /// For how long.
        for_ms: u64,
    },
    /// A place is drained, and takes new sessions again after a while.
    Drain {
        /// Which.
        place: String,
        /// For how long.
        for_ms: u64,
        /// When what is left ends, if it does.
        deadline_ms: Option<u64>,
    },
    /// A resource of a place is cordoned for a while.
    Cordon {
        /// Where.
        place: String,
        /// Which.
        resource: String,
        /// For how long.
        for_ms: u64,
    },
    /// A place has another capacity for a while.
    Capacity {
        /// Which.
        place: String,
        /// Of what.
        resource: String,
        /// In percent of what the case says.
        percent: u32,
        /// For how long.
        for_ms: u64,
    },
}

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mishap {
    /// It is lost.
    Drop,
    /// It comes again.
    Duplicate,
    /// It is late, and so is what comes after it.
    Stall,
    /// It is late, and overtaken.
    Postpone,
}

/// What becomes of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// They start.
    Starts,
    /// They fail.
    Fails,
    /// They never say what becomes of them.
    Silent,
}

/// What an operator wants with code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Errand {
    /// It is put into its home.
    Add,
    /// It goes.
    Remove,
    /// It stays.
    Pin,
    /// It may go again.
    Unpin,
    /// It is fetched before anybody needs it.
    Prefetch,
    /// What nobody needs goes.
    Collect,
}

/// What is wrong with transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A byte of the chunk is wrong.
    Corrupt,
    /// Nothing comes from the chunk on.
    Stops,
    /// It is said that there is no more than up to the chunk.
    Short,
    /// Chunks come slowly.
    Drips,
    /// There is no room for more than up to the chunk.
    DiskFull,
}

impl Act {
    /// Its name, as in a file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Cut { .. } => "cut",
            Self::Mute { .. } => "mute",
            Self::Slow { .. } => "slow",
            Self::Step { .. } => "step",
            Self::Message { .. } => "message",
            Self::Component { .. } => "component",
            Self::Order { .. } => "order",
            Self::Download { .. } => "download",
            Self::Trouble { .. } => "trouble",
            Self::Withdraw { .. } => "withdraw",
            Self::Drain { .. } => "drain",
            Self::Cordon { .. } => "cordon",
            Self::Capacity { .. } => "capacity",
        }
    }

    /// How long it lasts, if it ends by itself.
    #[must_use]
    pub fn lasts(&self) -> Option<u64> {
        match self {
            Self::Crash { for_ms, .. }
            | Self::Cut { for_ms, .. }
            | Self::Mute { for_ms, .. }
            | Self::Slow { for_ms, .. }
            | Self::Withdraw { for_ms, .. }
            | Self::Drain { for_ms, .. }
            | Self::Cordon { for_ms, .. }
            | Self::Capacity { for_ms, .. } => Some(*for_ms),
            _ => None,
        }
    }

    /// The place that it strikes, if it strikes one.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Crash { place, .. }
            | Self::Cut { place, .. }
            | Self::Mute { place, .. }
            | Self::Slow { place, .. }
            | Self::Step { place, .. }
            | Self::Order { place, .. }
            | Self::Download { place, .. }
            | Self::Trouble { place, .. }
            | Self::Withdraw { place, .. }
            | Self::Drain { place, .. }
            | Self::Cordon { place, .. }
            | Self::Capacity { place, .. } => Some(place),
            Self::Component { place, .. } => place.as_deref(),
            Self::Message { .. } => None,
        }
    }
}
