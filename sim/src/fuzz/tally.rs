//! What a campaign has exercised: a check that never met a fault proves nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_agents::RefusalReason;
use waybook_place::io::EndReason;
use waybook_place::{Counters, Instant};

use crate::World;
use crate::client::Knows;

/// Counts by name, added up over runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    slowest: Duration,
}

impl Tally {
    /// Counts something.
    pub(super) fn add(&mut self, what: &'static str, times: u64) {
        if times > 0 {
            *self.counts.entry(what).or_default() += times;
        }
    }

    /// Takes over what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            self.add(what, *times);
        }
        self.slowest = self.slowest.max(other.slowest);
    }

    /// How often something was counted.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Everything that was counted, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(what, times)| (*what, *times))
    }

    /// The longest that a run took to come to rest when everything was well again, without
    /// the time for which nothing may happen before it counts as rest.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    pub(super) fn came_to_rest(&mut self, after: Duration) {
        self.slowest = self.slowest.max(after);
    }

    /// What a place has counted in a life that is over, or that goes on at the end.
    pub(super) fn life(&mut self, counters: &Counters) {
        self.add("visits let in", counters.visits);
        self.add("messages fenced", counters.fenced);
        self.add("messages of older lives", counters.outdated);
        self.add("messages refused", counters.refused_messages);
        self.add("leases lapsed", counters.lapsed);
        self.add("traced back", counters.traced_back);
        self.add("fell back", counters.fell_back);
        self.add("code fetched", counters.fetched);
        self.add("code transfers failed", counters.fetch_failures);
        self.add("code evicted", counters.evicted);
        self.add("questions unanswered", counters.unanswered);
    }

    /// What clients know at the end.
    pub(super) fn clients(&mut self, world: &World) {
        for (_, client) in world.clients().iter() {
            self.add("requests", 1);
            let fate = match &client.knows {
                Knows::Nothing => "requests unanswered",
                Knows::Session(_) => "requests established",
                Knows::Cut(Some(_)) => "requests established, then the client's place crashed",
                Knows::Cut(None) => "requests cut by a crash",
                Knows::Closed => "requests given up",
                Knows::NoPlan(_) => "requests without a plan",
                Knows::Rejected(_) => "requests rejected",
                Knows::Survey(_) => "requests surveyed",
                Knows::Refused { refused, .. } => {
                    for reason in refused.iter().map(|r| &r.reason) {
                        self.add(reason_name(reason), 1);
                    }
                    "requests refused"
                }
                Knows::Ended(_, why) => match why {
                    EndReason::Closed => "requests established and closed",
                    EndReason::Unclaimed => "requests established, never claimed",
                    EndReason::Idle => "requests established, idle too long",
                    EndReason::Expired => "requests established, expired",
                    EndReason::Replaced => "requests established and replaced",
                    EndReason::Reconciled => "requests established and reconciled",
                    EndReason::Drained(_) => "requests established and drained",
                    EndReason::Broken(_) => "requests established and broken",
                },
            };
            self.add(fate, 1);
        }
    }

    pub(super) fn run(&mut self, world: &World, from: Instant) {
        self.add("runs", 1);
        self.add("events", world.steps());
        self.add("messages", world.network.sent());
        self.add("places", world.tree().len() as u64);
        self.add("virtual seconds", world.now().since(from).as_secs());
    }

    /// How many requests came to have a session.
    #[must_use]
    pub fn established(&self) -> u64 {
        let named = self
            .iter()
            .filter(|(what, _)| what.starts_with("requests established"));
        named.map(|(_, times)| times).sum()
    }
}

fn reason_name(reason: &RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Lacking(lack) if lack.holds_stood_in_the_way() => {
            "solutions refused: held by others"
        }
        RefusalReason::Lacking(_) => "solutions refused: lacking",
        RefusalReason::ComponentUnavailable { .. } => "solutions refused: component unavailable",
        RefusalReason::ComponentFailed { .. } => "solutions refused: component failed",
        RefusalReason::Unreachable { .. } => "solutions refused: unreachable",
        RefusalReason::NoAnswer { .. } => "solutions refused: no answer",
        RefusalReason::Lost { .. } => "solutions refused: lost",
        RefusalReason::Deadline => "solutions refused: deadline",
        RefusalReason::Restarting => "solutions refused: restarting",
        RefusalReason::Limit { .. } => "solutions refused: limit",
        RefusalReason::Protocol { .. } => "solutions refused: protocol",
        RefusalReason::Released => "solutions refused: released",
        RefusalReason::NotTried => "solutions refused: not tried",
        RefusalReason::Drained => "solutions refused: drained",
        RefusalReason::Cordoned { .. } => "solutions refused: cordoned",
    }
}
