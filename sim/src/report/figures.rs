//! The figures that runs are shown by.

use super::axis::Axis;
use crate::run::Summary;

/// One of them.
pub(super) struct Figure {
    /// What it is, in a heading.
    pub(super) title: &'static str,
    /// What axes and tables say, with the unit.
    pub(super) label: &'static str,
    /// What a plot of it is saved as.
    pub(super) file: &'static str,
    /// Whether it is a share, which is at most one.
    share: bool,
    of: fn(&Summary) -> f64,
}

impl Figure {
    /// Its value in a run.
    pub(super) fn of(&self, summary: &Summary) -> f64 {
        (self.of)(summary)
    }

    /// An axis for it.
    pub(super) fn axis(&self) -> Axis {
        match self.share {
            true => Axis::of_shares(self.label),
            false => Axis::from_zero(self.label),
        }
    }
}

/// All that plots and comparisons show.
pub(super) const FIGURES: [Figure; 5] = [
    Figure {
        title: "Blocked",
        label: "blocked requests (share)",
        file: "blocked",
        share: true,
        of: |run| run.blocked.share,
    },
    Figure {
        title: "Fell back",
        label: "sessions that fell back (share)",
        file: "fell-back",
        share: true,
        of: |run| run.fell_back.share,
    },
    Figure {
        title: "Set-up time, mean",
        label: "mean set-up time (ms)",
        file: "setup-mean",
        share: false,
        of: |run| run.setup.mean * 1e3,
    },
    Figure {
        title: "Set-up time, 99%",
        label: "99% of set-up times (ms)",
        file: "setup-p99",
        share: false,
        of: |run| run.setup.p99 * 1e3,
    },
    Figure {
        title: "Messages per request",
        label: "messages per request",
        file: "messages",
        share: false,
        of: Summary::messages_per_request,
    },
];

/// The confidence of all intervals.
pub(super) const CONFIDENCE: f64 = 0.95;
