//! The figures that runs are shown by.

use crate::run::Summary;

/// One of them.
pub(super) struct Figure {
    /// What it is, in a heading.
    pub(super) title: &'static str,
    /// What axes and tables say, with the unit.
    pub(super) label: &'static str,
    /// What a plot of it is saved as.
    pub(super) file: &'static str,
    of: fn(&Summary) -> f64,
}

impl Figure {
    /// Its value in a run.
    pub(super) fn of(&self, summary: &Summary) -> f64 {
        (self.of)(summary)
    }
}

/// All that plots and comparisons show.
pub(super) const FIGURES: [Figure; 5] = [
    Figure {
        title: "Blocked",
        label: "blocked requests (share)",
        file: "blocked",
        of: |run| run.blocked.share,
    },
    Figure {
        title: "Fell back",
        label: "sessions that fell back (share)",
        file: "fell-back",
        of: |run| run.fell_back.share,
    },
    Figure {
        title: "Set-up time, mean",
        label: "mean set-up time (ms)",
        file: "setup-mean",
        of: |run| run.setup.mean * 1e3,
    },
    Figure {
        title: "Set-up time, 99%",
        label: "99% of set-up times (ms)",
        file: "setup-p99",
        of: |run| run.setup.p99 * 1e3,
    },
    Figure {
        title: "Messages per request",
        label: "messages per request",
        file: "messages",
        of: Summary::messages_per_request,
    },
];

/// The confidence of all intervals.
pub(super) const CONFIDENCE: f64 = 0.95;
