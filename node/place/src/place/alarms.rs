//! Alarms: when a place must look at one of its hops again, and what for.
//!
//! They lie in the hop itself, and the place keeps one [timer](super::timers) for the
//! earliest of them. Most alarms never go off: setting or cancelling one costs a write.

use waybook_agents::{Event, SessionId};

use super::Place;
use super::hops::Hop;
use super::timers::{Timer, Timers};
use crate::Instant;
use crate::io::{EndReason, Output};

/// What an alarm is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The lease may have run out. Set once and looked at when it goes off, so that a
    /// refresh costs nothing.
    Lease,
    /// The set-up's time is over.
    Deadline,
    /// The next hop may be silent, or a hand-off may need to be repeated.
    Child,
    /// Nobody has claimed the session in time.
    Claim,
    /// The session may have been idle for too long. Looked at when it goes off.
    Idle,
    /// The session has reached its greatest duration.
    Longest,
    /// The path is cut, and must not be any longer.
    Cut,
}

const ALL: [Alarm; 7] = [
    Alarm::Lease,
    Alarm::Deadline,
    Alarm::Child,
    Alarm::Claim,
    Alarm::Idle,
    Alarm::Longest,
    Alarm::Cut,
];

const NEVER: Instant = Instant(u64::MAX);

/// The alarms of one hop.
#[derive(Debug, Clone)]
pub(super) struct Alarms {
    at: [Instant; ALL.len()],
    /// What the place's timer for the hop is set to.
    timer: Instant,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            at: [NEVER; ALL.len()],
            timer: NEVER,
        }
    }
}

impl Alarms {
    /// Sets an alarm, in place of when it was set for before.
    pub(super) fn set(&mut self, alarm: Alarm, at: Instant) {
        self.at[alarm as usize] = at;
    }

    pub(super) fn cancel(&mut self, alarm: Alarm) {
        self.set(alarm, NEVER);
    }

    /// The earliest alarm that is due, no longer set.
    fn take(&mut self, now: Instant) -> Option<Alarm> {
        let earliest = *ALL.iter().min_by_key(|alarm| self.at[**alarm as usize])?;
        (self.at[earliest as usize] <= now).then(|| {
            self.cancel(earliest);
            earliest
        })
    }

    fn next(&self) -> Instant {
        self.at.iter().min().copied().unwrap_or(NEVER)
    }
}

impl Hop {
    /// Sets the place's timer for the hop to its next alarm.
    pub(super) fn attend(&mut self, timers: &mut Timers) {
        let next = self.alarms.next();
        if next == self.alarms.timer {
            return;
        }
        self.alarms.timer = next;
        let timer = Timer::Hop(self.visitor.session());
        if next == NEVER {
            timers.cancel(&timer);
        } else {
            timers.set(timer, next);
        }
    }
}

impl Place {
    /// The timer of a hop has fired.
    pub(super) fn hop_timer(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        if let Some(hop) = self.hops.get_mut(&session) {
            hop.alarms.timer = NEVER;
        }
        while let Some(alarm) = self.hops.get_mut(&session).and_then(|h| h.alarms.take(now)) {
            match alarm {
                Alarm::Lease => self.lease_alarm(now, session, out),
                Alarm::Deadline => self.drive(now, session, Event::Deadline, out),
                Alarm::Child => self.child_alarm(now, session, out),
                Alarm::Claim => self.close(now, session, EndReason::Unclaimed, out),
                Alarm::Idle => self.idle_alarm(now, session, out),
                Alarm::Longest => self.close(now, session, EndReason::Expired, out),
                Alarm::Cut => self.cut_alarm(now, session, out),
            }
        }
        if let Some(hop) = self.hops.get_mut(&session) {
            hop.attend(&mut self.timers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_off_in_order() {
        let mut alarms = Alarms::default();
        assert_eq!((alarms.next(), alarms.take(Instant(9))), (NEVER, None));
        alarms.set(Alarm::Lease, Instant(5));
        alarms.set(Alarm::Idle, Instant(3));
        alarms.set(Alarm::Claim, Instant(1));
        alarms.cancel(Alarm::Claim);
        assert_eq!((alarms.next(), alarms.take(Instant(2))), (Instant(3), None));
        assert_eq!(alarms.take(Instant(5)), Some(Alarm::Idle));
        assert_eq!(alarms.take(Instant(5)), Some(Alarm::Lease));
        assert_eq!((alarms.next(), alarms.take(Instant(5))), (NEVER, None));
    }
}
