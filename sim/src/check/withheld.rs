//! What an operator withholds is not booked.

use waybook_place::{BookingView, Place};
use waybook_plan::Demand;

/// Whether a place may have come from what it had booked for a session to what it has now.
pub(super) fn granted(
    place: &Place,
    before: Option<&Demand>,
    now: Option<&BookingView>,
) -> Result<(), String> {
    let Some(now) = now else { return Ok(()) };
    let had = |resource: &str| before.map_or(0, |demand| demand.of(resource));
    let more = now.demand.iter();
    let more = more.filter(|(resource, amount)| *amount > had(resource.as_str()));
    let more: Vec<_> = more.collect();
    if place.is_draining() && (before.is_none() || !more.is_empty()) {
        return Err(format!("it is drained, and books {}", now.demand));
    }
    match more
        .into_iter()
        .find(|(resource, _)| place.cordoned().contains(resource))
    {
        Some((resource, amount)) => Err(format!("{resource} is cordoned, and {amount} booked")),
        None => Ok(()),
    }
}
