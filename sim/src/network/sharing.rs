//! Processor sharing: chunks that are under way at once, each with the same share.
//!
//! All of them are served at the same pace, so one number, the service that a chunk has
//! had which was there from the start, says how far each one is: a chunk is done when
//! that number has grown by its length since it came (Kleinrock, *Queueing Systems*,
//! vol. 2, 1976, section 4.4; the virtual time of Parekh and Gallager, 1993). Whoever
//! comes or goes costs the logarithm of how many there are.

use std::collections::BTreeSet;

use waybook_place::Instant;

/// Service is counted in bits and this fraction of a bit, so that rounding, which is always
/// down, stays far below a nanosecond.
const FRACTION: u32 = 32;
/// A chunk is done when it misses less than this: what rounding may have taken.
const SLACK: u128 = 1 << 16;
const SECOND: u128 = 1_000_000_000;

/// The chunks that share one direction of an edge.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// Until when the service is accounted for.
    clock: Instant,
    /// What a chunk has had by then that was there all the time.
    served: u128,
    /// The service at which each is done; the order of coming; who sends it.
    chunks: BTreeSet<(u128, u64, u64)>,
    entered: u64,
    /// Bits a second; none for no limit.
    rate: Option<u64>,
    /// When the driver comes to ask.
    planned: Option<Instant>,
}

impl Sharing {
    /// Accounts for the time until now, of which that until `blocked` was for others. From
    /// now on the rate is as given.
    pub(super) fn advance(&mut self, now: Instant, blocked: Instant, rate: Option<u64>) {
        let from = self.clock.max(blocked);
        if let Some(rate) = self.rate
            && !self.chunks.is_empty()
        {
            let time = u128::from(now.0.saturating_sub(from.0));
            let bits = (u128::from(rate) * time).saturating_mul(1 << FRACTION);
            self.served += bits / (SECOND * self.chunks.len() as u128);
        } else if let Some((last, ..)) = self.chunks.last() {
            self.served = *last;
        }
        self.clock = self.clock.max(now);
        self.rate = rate;
    }

    /// A chunk comes.
    pub(super) fn enter(&mut self, flow: u64, length: u64) {
        let work = (u128::from(length) * 8) << FRACTION;
        self.entered += 1;
        self.chunks.insert((self.served + work, self.entered, flow));
    }

    /// Whoever sends goes, with all that is under way.
    pub(super) fn leave(&mut self, flow: u64) {
        self.chunks.retain(|(_, _, of)| *of != flow);
    }

    /// Takes out who is done, in the order of being done.
    pub(super) fn done(&mut self) -> Vec<u64> {
        let mut done = Vec::new();
        while let Some(&(work, order, flow)) = self.chunks.first()
            && (work <= self.served + SLACK || self.rate.is_none())
        {
            self.chunks.remove(&(work, order, flow));
            done.push(flow);
        }
        done
    }

    /// When the driver must come to ask who is done, if it does not come earlier already.
    pub(super) fn plan(&mut self, now: Instant, blocked: Instant) -> Option<Instant> {
        self.planned = self.planned.filter(|planned| *planned > now);
        let next = self.next(blocked)?;
        if self.planned.is_some_and(|planned| planned <= next) {
            return None;
        }
        self.planned = Some(next);
        self.planned
    }

    /// When the first is done if nobody else comes.
    fn next(&self, blocked: Instant) -> Option<Instant> {
        let (work, ..) = self.chunks.first()?;
        let from = self.clock.max(blocked);
        let Some(rate) = self.rate else {
            return Some(self.clock);
        };
        let missing = work.saturating_sub(self.served + SLACK);
        let all = missing.saturating_mul(SECOND * self.chunks.len() as u128);
        let time = all.div_ceil(u128::from(rate.max(1)) << FRACTION);
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        Some(Instant(from.0.saturating_add(time)))
    }
}
