//! Clocks of places: what they show, and when timers that are set by them go off.

use proptest::prelude::*;
use waybook_place::Instant;
use waybook_sim::places::Clock;
use waybook_sim::quantity::Shift;

use crate::support::{SECOND, at};

fn clock(offset_ms: i64, drift_ppm: f64) -> Clock {
    Clock::new(Shift(offset_ms * 1_000_000), drift_ppm).expect("a clock")
}

#[test]
fn a_clock_is_exact_unless_it_is_told_otherwise() {
    let exact = Clock::default();
    assert_eq!(exact.local(at(1234)), at(1234));
    assert_eq!(exact.global(at(1234)), at(1234));
}

#[test]
fn offset_and_drift_are_what_they_say() {
    // 100 ppm are 0.1 ms in each second.
    let fast = clock(2000, 100.0);
    assert_eq!(fast.local(at(0)), at(2000));
    assert_eq!(fast.local(at(10_000)), at(12_001));
    assert_eq!(fast.global(at(12_001)), at(10_000));
    let slow = clock(-2000, -100.0);
    assert_eq!(slow.local(at(1000)), at(0), "not before its epoch");
    assert_eq!(slow.local(at(10_000)), at(7999));
}

#[test]
fn a_clock_may_be_set_and_change_its_pace() {
    let stepped = Clock::default().stepped(Shift(-3_000_000_000));
    assert_eq!(stepped.local(at(10_000)), at(7000));
    let fast = clock(0, 1000.0);
    let now = at(10_000);
    let slow = fast.drifting(now, -1000.0).expect("a clock");
    assert_eq!(slow.local(now), fast.local(now), "no jump");
    assert_eq!(slow.local(now + SECOND), at(11_009));
}

#[test]
fn a_clock_does_not_stand_still_or_run_away() {
    for drift in [500_000.0, -500_000.0, f64::NAN, f64::INFINITY] {
        let refused = Clock::new(Shift::default(), drift).expect_err("no clock");
        assert_eq!(refused.field, "drift-ppm");
    }
}

proptest! {
    /// A timer that is set by a clock goes off at the first moment at which the clock shows
    /// its time: not before, and at once.
    #[test]
    fn timers_go_off_when_the_clock_shows_their_time(
        offset in -10_000..10_000i64,
        drift in -499_999.0..499_999.0,
        since in 0..u64::from(u32::MAX),
        local in 0..u64::MAX >> 8,
    ) {
        let clock = clock(offset, 0.0).drifting(Instant(since), drift).expect("a clock");
        let local = Instant(local);
        let global = clock.global(local);
        prop_assert!(clock.local(global) >= local);
        prop_assert!(global.0 == 0 || clock.local(Instant(global.0 - 1)) < local);
    }

    #[test]
    fn a_clock_never_goes_backwards(
        offset in -10_000..10_000i64,
        drift in -499_999.0..499_999.0,
        at in 0..u64::MAX >> 8,
        later in 0..10u64,
    ) {
        let clock = clock(offset, drift);
        prop_assert!(clock.local(Instant(at + later)) >= clock.local(Instant(at)));
    }
}
