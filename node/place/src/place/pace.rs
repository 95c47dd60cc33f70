//! Pace: how much a neighbour is asked before it has answered what it was asked earlier.
//!
//! A neighbour that is asked more than it can do answers ever later, until nothing is done in
//! time and all its work is in vain. So there is a window on what is under way to each, as TCP
//! has one on what it sends (RFC 5681). The sign that it is too wide is that answers come late,
//! before anything is lost (as in LEDBAT, RFC 6817). What has no room waits here, where it costs
//! the neighbour nothing, and is refused if its turn does not come.

use std::time::Duration;

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;

use super::Place;
use super::turns::{Source, Turns};
use crate::by_neighbour::ByNeighbour;
use crate::{Instant, PaceView};

/// How many may be under way before anything is known of a neighbour: few, for all the places below
/// a default place may begin at the same time.
const START: f64 = 2.0;
/// What is left of a window, at most, when answers come late.
const SHRINK: f64 = 0.7;
/// How many times as long as answers take it is waited for one, at least, before anything is said
/// again.
const AGAIN: u32 = 2;
/// By what part of the difference it follows that answers take longer.
const FOLLOW: u32 = 4;

/// How many requests may be under way to a neighbour, and how many are.
#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    /// Up to here it grows with every answer, from here on with a windowful of them.
    careful: f64,
    under_way: usize,
    /// The shortest time that an answer has taken.
    best: Duration,
    /// About how long answers take: follows faster ones at once, and slower ones by
    /// [`FOLLOW`], so that a lost letter here and there does not make a neighbour look slow.
    takes: Duration,
    /// When it was last made smaller. What was sent before says nothing new.
    shrunk: Instant,
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    pub(super) const fn new() -> Self {
        Self {
            size: START,
            careful: f64::INFINITY,
            under_way: 0,
            best: Duration::MAX,
            takes: Duration::ZERO,
            shrunk: Instant(0),
        }
    }

    /// How many may be under way.
    pub(super) fn size(&self) -> usize {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to the limit `setups`"
        )]
        let size = self.size as usize;
        size
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// For people, with how many wait.
    pub(super) fn view(&self, waiting: usize) -> PaceView {
        PaceView {
            window: self.size(),
            under_way: self.under_way,
            waiting,
            takes: self.takes,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way < self.size()
    }

    /// One more is under way.
    pub(super) fn sent(&mut self) {
        self.under_way += 1;
    }

    /// One that was sent at `sent` is answered. It is late if it took longer than at best by
    /// `lag`; the window never gets wider than `most`.
    pub(super) fn answered(&mut self, now: Instant, sent: Instant, lag: Duration, most: usize) {
        let was_full = !self.has_room();
        self.given_up();
        let took = now.since(sent);
        let first = self.best == Duration::MAX;
        self.takes = match took.checked_sub(self.takes) {
            Some(slower) if !first => self.takes + slower / FOLLOW,
            _ => took,
        };
        self.best = self.best.min(took);
        let longest = self.best.saturating_add(lag);
        if took > longest {
            self.shrink(now, sent, longest.div_duration_f64(took));
        } else if was_full {
            let step = if self.size < self.careful {
                1.0
            } else {
                1.0 / self.size
            };
            #[allow(clippy::cast_precision_loss, reason = "a bound far below 2^52")]
            let most = most.max(1) as f64;
            self.size = (self.size + step).min(most);
        }
    }

    /// One that was sent at `sent` has not been answered for so long that it is said again.
    pub(super) fn silent(&mut self, now: Instant, sent: Instant) {
        self.shrink(now, sent, SHRINK);
    }

    /// How long it is waited for an answer, at least, before anything is said again: to a
    /// neighbour that is late, that would be in vain, and make it later still.
    pub(super) fn patience(&self) -> Duration {
        self.takes.saturating_mul(AGAIN)
    }

    /// Nobody waits for the answer to one any more.
    pub(super) fn given_up(&mut self) {
        debug_assert!(self.under_way > 0, "more is answered than was sent");
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn shrink(&mut self, now: Instant, sent: Instant, to: f64) {
        // What was under way together is late together, and counts once.
        if sent >= self.shrunk {
            self.size = (self.size * to.min(SHRINK)).max(1.0);
            self.careful = self.size;
            self.shrunk = now;
        }
    }

    /// Another connection, or another life at its other end: nothing is known of it yet.
    pub(super) fn forget(&mut self) {
        let under_way = self.under_way;
        *self = Self {
            under_way,
            ..Self::new()
        };
    }
}

/// Visits to one neighbour: those under way, and those that wait for their turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    pub(super) window: Window,
    pub(super) waiting: Turns<SessionId>,
}

impl Lane {
    /// The one whose turn it is, if there is room for it.
    fn turn(&mut self) -> Option<SessionId> {
        let room = self.window.has_room();
        let next = if room { self.waiting.next() } else { None };
        next.map(|(_, session)| session)
    }
}

/// The visits to all neighbours.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(ByNeighbour<Lane>);

impl Pace {
    pub(super) fn lane(&mut self, to: &PlaceName) -> &mut Lane {
        self.0.entry(to)
    }

    /// The visit to that neighbour whose turn it is, if there is room for it.
    pub(super) fn turn(&mut self, to: &PlaceName) -> Option<SessionId> {
        self.0.get_mut(to)?.turn()
    }

    /// Whether a visit to that neighbour could go at once.
    pub(super) fn is_free(&self, to: &PlaceName) -> bool {
        let lane = self.0.get(to);
        lane.is_none_or(|lane| lane.waiting.is_empty() && lane.window.has_room())
    }

    /// Whether visits wait for their turn to that neighbour.
    pub(super) fn is_waiting(&self, to: &PlaceName) -> bool {
        self.0.get(to).is_some_and(|lane| !lane.waiting.is_empty())
    }

    /// How wide the window to that neighbour is, if the turn of one more that comes from there
    /// would hardly come: the first of those that wait in its line has waited for half of the
    /// time `turn` already.
    pub(super) fn crowded(
        &self,
        now: Instant,
        to: &PlaceName,
        from: &Source,
        turn: Duration,
    ) -> Option<usize> {
        let lane = self.0.get(to)?;
        let late = lane.waiting.is_late(now, from, turn / 2);
        late.then(|| lane.window.size())
    }

    /// What is known of the visits to that neighbour.
    pub(super) fn view(&self, to: &PlaceName) -> PaceView {
        match self.0.get(to) {
            Some(lane) => lane.window.view(lane.waiting.len()),
            None => Window::new().view(0),
        }
    }

    /// The neighbour is forgotten.
    pub(super) fn forget(&mut self, neighbour: &PlaceName) {
        self.0.remove(neighbour);
    }

    /// As [`Window::patience`].
    pub(super) fn patience(&self, to: &PlaceName) -> Duration {
        let lane = self.0.get(to);
        lane.map_or(Duration::ZERO, |lane| lane.window.patience())
    }

    #[cfg(test)]
    pub(super) fn lanes(&self) -> impl Iterator<Item = (&PlaceName, &Lane)> {
        let lanes = self.0.iter();
        lanes.filter(|(_, lane)| lane.window.under_way > 0 || !lane.waiting.is_empty())
    }
}

impl Place {
    /// A neighbour is there again.
    pub(super) fn pace_anew(&mut self, neighbour: &PlaceName) {
        if let Some(lane) = self.pace.0.get_mut(neighbour) {
            lane.window.forget();
        }
        if self.parent.as_ref() == Some(neighbour)
            && let Some(climbing) = self.climbing.made()
        {
            climbing.window.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_millis(100);
    const MOST: usize = 50;

    fn ms(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    /// As many as there is room for, all sent then and answered after so long.
    fn round(window: &mut Window, sent: u64, took: u64) {
        while window.has_room() {
            window.sent();
        }
        for _ in 0..window.under_way() {
            window.answered(ms(sent + took), ms(sent), LAG, MOST);
        }
    }

    #[test]
    fn it_grows_while_answers_come_in_time_and_is_full() {
        let mut window = Window::new();
        window.sent();
        window.answered(ms(10), ms(0), LAG, MOST);
        assert_eq!(window.size(), 2, "it was not full");
        let sizes: Vec<_> = (0..6)
            .map(|at| {
                round(&mut window, at * 10, 10);
                window.size()
            })
            .collect();
        assert!(
            sizes.is_sorted() && sizes[5] > 2 && sizes[5] <= MOST,
            "{sizes:?}"
        );
    }

    #[test]
    fn it_shrinks_once_for_what_was_under_way_together_and_then_grows_carefully() {
        let mut window = Window::new();
        for at in 0..40 {
            round(&mut window, at * 10, 10);
        }
        let wide = window.size();
        round(&mut window, 1_000, 115);
        let narrow = window.size();
        assert!(narrow * 2 > wide && narrow < wide, "{wide} to {narrow}");
        round(&mut window, 2_000, 10);
        assert!(window.size() <= narrow + 1);
        // The later, the narrower, but never shut.
        round(&mut window, 3_000, 60_000);
        assert_eq!(window.size(), 1);
        assert!(window.patience() > Duration::from_secs(100));
        assert_eq!(window.under_way(), 0);
    }

    #[test]
    fn one_that_was_lost_does_not_make_a_neighbour_look_slow() {
        let mut window = Window::new();
        let mut took = |at, took| {
            window.sent();
            window.answered(ms(at + took), ms(at), LAG, MOST);
            window.patience()
        };
        took(0, 10);
        assert!(took(100, 1_000) < Duration::from_millis(600));
        assert_eq!(took(2_000, 10), Duration::from_millis(20));
        // If all of them take long, it is.
        let late = (0..20).map(|at| took(3_000 + at, 1_000)).max();
        assert!(late > Some(Duration::from_millis(1_900)));
    }

    #[test]
    fn what_is_never_answered_makes_it_narrower() {
        let mut window = Window::new();
        for at in 0..40 {
            round(&mut window, at * 10, 10);
        }
        let wide = window.size();
        window.sent();
        window.silent(ms(2_000), ms(1_000));
        assert!(window.size() < wide);
        let narrow = window.size();
        window.silent(ms(3_000), ms(1_000));
        assert_eq!(window.size(), narrow, "that was known");
        window.forget();
        assert_eq!((window.size(), window.under_way()), (2, 1));
    }
}
