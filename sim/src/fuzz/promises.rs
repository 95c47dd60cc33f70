//! What must hold at the end of a case, beyond what [quiet](crate::check::quiet) asks of
//! every run.

use waybook_agents::RefusalReason;
use waybook_place::BookingPhase;
use waybook_place::io::EndReason;

use super::case::{Asker, Kind};
use super::execute::Course;
use crate::check::{FORGETFUL, Violation};
use crate::client::{Client, Knows};

/// Looks at a world at rest.
pub(super) fn hold(course: &Course<'_>) -> Result<(), Violation> {
    let wrong = |what: String| Err(course.world.violation(what));
    if course.case.kind == Kind::Calm && course.lapsed > 0 {
        return wrong(format!(
            "{} leases lapsed where nothing went wrong: something was not told",
            course.lapsed
        ));
    }
    for (asker, id) in course.case.clients.iter().zip(&course.clients) {
        let Some(client) = course.world.clients().get(*id) else {
            continue;
        };
        if let Err(what) = answered(client) {
            return wrong(format!("request {}: {what}", id.0));
        }
        if let Err(what) = reached(course, asker, client) {
            return wrong(format!("request {}: {what}", id.0));
        }
        if let Err(what) = ended_by_itself(course, asker, client) {
            return wrong(format!("request {}: {what}", id.0));
        }
        if course.case.kind == Kind::Gentle
            && let Err(what) = survived(course, asker, client)
        {
            return wrong(format!("request {}: {what}", id.0));
        }
    }
    Ok(())
}

/// Whoever was refused was told of every solution that was tried.
fn answered(client: &Client) -> Result<(), String> {
    match &client.knows {
        Knows::Nothing => Err("the client has had no answer".to_owned()),
        Knows::Refused { refused, plan } => {
            let told = |n| refused.iter().any(|r| r.solution == n);
            match plan.solutions.iter().find(|s| !told(s.number)) {
                Some(untold) => Err(format!("nothing is said of solution {}", untold.number)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Where no more than a message is lost, no hop counts as gone. In gentle cases places go down
/// when all set-ups are over that are not tried again. A refusal that was lost is said again when
/// it is missed, as long as it is remembered, which takes room.
fn reached(course: &Course<'_>, asker: &Asker, client: &Client) -> Result<(), String> {
    let spared = match course.case.kind {
        Kind::Calm => true,
        Kind::Gentle => asker.retries == 0 && course.case.bounds.sessions >= FORGETFUL,
        Kind::Rough => false,
    };
    let refused = match &client.knows {
        Knows::Refused { refused, .. } => refused.as_slice(),
        Knows::Session(session) | Knows::Ended(session, _) => &session.refused,
        _ => &[],
    };
    let gone = |reason: &RefusalReason| {
        matches!(
            reason,
            RefusalReason::NoAnswer { .. } | RefusalReason::Lost { .. }
        )
    };
    match refused.iter().find(|r| gone(&r.reason)) {
        Some(refusal) if spared => Err(format!("a hop counts as gone: {:?}", refusal.reason)),
        _ => Ok(()),
    }
}

/// A session that nobody claimed, that was idle for too long, or that had its time, is over.
fn ended_by_itself(course: &Course<'_>, asker: &Asker, client: &Client) -> Result<(), String> {
    if asker.key.is_some() || !stands(course, client) {
        // Who shares a key shares the session, and another one may have claimed it.
        return Ok(());
    }
    if asker.claim_ms.is_none() && matches!(client.knows, Knows::Session(_)) {
        return Err("its session stands, though nobody claimed it".to_owned());
    }
    if asker.idle_ms.is_some() {
        return Err("its session stands, though nobody uses it".to_owned());
    }
    if asker.longest_ms.is_some() {
        return Err("its session stands for longer than it may".to_owned());
    }
    if asker.close_ms.is_some() && matches!(client.knows, Knows::Session(_)) {
        return Err("its session stands, though it was closed".to_owned());
    }
    Ok(())
}

/// Whether the client's place has the session that the client had.
fn stands(course: &Course<'_>, client: &Client) -> bool {
    let (Knows::Session(session) | Knows::Cut(Some(session))) = &client.knows else {
        return false;
    };
    let world = &course.world;
    let hop = world
        .place(&client.place)
        .and_then(|p| p.hop(session.session, world.now()));
    hop.is_some_and(|hop| hop.phase == BookingPhase::Established)
}

/// An established session survives what gentle cases do to it.
fn survived(course: &Course<'_>, asker: &Asker, client: &Client) -> Result<(), String> {
    let may_end = asker.claim_ms.is_none()
        || asker.key.is_some()
        || asker.idle_ms.is_some()
        || asker.longest_ms.is_some();
    match &client.knows {
        Knows::Ended(_, EndReason::Broken(why)) => Err(format!(
            "its session broke: {:?}",
            why.first().map(|r| &r.reason)
        )),
        Knows::Ended(_, EndReason::Closed) => Ok(()),
        Knows::Ended(_, why) if !may_end => Err(format!("its session ended: {why:?}")),
        Knows::Cut(Some(_)) if !may_end && asker.close_ms.is_none() && !stands(course, client) => {
            Err("its session is lost".to_owned())
        }
        _ => Ok(()),
    }
}
