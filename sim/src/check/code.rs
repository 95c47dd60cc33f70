//! What must hold of code that is brought along.

use std::collections::BTreeSet;

use waybook_location_tree::PlaceName;
use waybook_place::Place;
use waybook_plan::Digest;

use crate::World;
use crate::world::{Running, Slot};

#[cfg(test)]
mod tests;

/// Checks the code of one place after a step: what runs is held whole, and all that is
/// held keeps within the place's limit.
pub(super) fn place(slot: &Slot) -> Result<(), String> {
    for running in slot.components().values() {
        if let Some(release) = &running.release
            && !slot.repository().holds(&release.digest)
        {
            return Err(format!("{} runs without its code", release.reference()));
        }
    }
    let limit = slot.place().map(|p| p.config().limits.repository);
    let held = slot.repository().bytes();
    match limit {
        Some(limit) if held > limit => Err(format!(
            "the repository has {held} bytes, where {limit} are allowed"
        )),
        _ => Ok(()),
    }
}

/// As [`place`], after a step: a place that has no code runs none, as [`start`] and
/// [`evict`] have seen.
pub(super) fn step(slot: &Slot) -> Result<(), String> {
    if slot.repository().is_empty() {
        return Ok(());
    }
    place(slot)
}

/// Checks an order of a place to start a component: its code is held whole.
///
/// # Errors
/// What is wrong.
pub(crate) fn start(slot: &Slot, running: &Running) -> Result<(), String> {
    match &running.release {
        Some(release) if !slot.repository().holds(&release.digest) => {
            Err(format!("{} runs without its code", release.reference()))
        }
        _ => Ok(()),
    }
}

/// Checks an order of a place to delete code: none that runs, arrives, is pinned, or was
/// added there and not removed.
///
/// # Errors
/// What is wrong.
pub fn evict(slot: &Slot, arrives: bool, digest: &Digest) -> Result<(), String> {
    let mut running = slot.components().values();
    let why = if running.any(|r| r.runs(digest)) {
        "runs"
    } else if arrives {
        "is arriving"
    } else if slot.pinned.contains(digest) {
        "is pinned"
    } else if slot.added.contains(digest) {
        "was added here"
    } else {
        return Ok(());
    };
    Err(format!("deletes code {} that {why}", digest.short()))
}

/// Checks code in quiet: nothing is under way, every place shows what its repository
/// holds, and what it says of its locality is what the places there hold.
pub(super) fn quiet(world: &World) -> Result<(), String> {
    if let Some(transfer) = world.transfers().next() {
        return Err(format!(
            "a transfer of {} from {} to {} is left",
            transfer.release.reference(),
            transfer.source(),
            transfer.place
        ));
    }
    for (name, slot) in world.slots() {
        if let Some(place) = slot.place() {
            shown(slot, place).map_err(|what| format!("{name}: {what}"))?;
            known(world, place).map_err(|what| format!("{name}: {what}"))?;
        }
    }
    Ok(())
}

/// A place shows the code that its repository holds, as it is used.
fn shown(slot: &Slot, place: &Place) -> Result<(), String> {
    let files = slot.repository().iter();
    let whole = files.filter(|(_, file)| file.is_whole());
    let mut whole: BTreeSet<_> = whole.map(|(digest, _)| *digest).collect();
    for view in place.code() {
        let reference = view.release.reference();
        if let Some(from) = &view.from {
            return Err(format!("waits for {reference} from {from}"));
        }
        let digest = view.release.digest;
        let held = view.bytes == view.release.length;
        if held != whole.remove(&digest) {
            return Err(format!("shows {} bytes of {reference}", view.bytes));
        }
        let running = slot.components().values();
        if view.instances != running.filter(|r| r.runs(&digest)).count() {
            return Err(format!("shows {} instances of {reference}", view.instances));
        }
        let marks = (slot.added.contains(&digest), slot.pinned.contains(&digest));
        if held && (view.added, view.pinned) != marks {
            return Err(format!("shows {reference} as added or pinned, or not"));
        }
    }
    match whole.pop_first() {
        Some(digest) => Err(format!("does not show the code {}", digest.short())),
        None => Ok(()),
    }
}

/// What a place says that its locality holds is what the places there hold. Not looked at
/// while one of them is down or cut off, because what it held is known for a while yet; nor
/// where connections were worse than streams, because it is said only once on each.
fn known(world: &World, place: &Place) -> Result<(), String> {
    if world.network.is_flawed() {
        return Ok(());
    }
    let mut held: BTreeSet<(PlaceName, Digest, bool)> = BTreeSet::new();
    for name in world.tree().locality(place.name()) {
        let slot = world.slot(name);
        let parent = name.parent();
        let joined = name == place.name()
            || parent.is_some_and(|parent| world.network.stands(name, &parent));
        if slot.place().is_none() || !joined {
            return Ok(());
        }
        let whole = slot.repository().iter().filter(|(_, file)| file.is_whole());
        held.extend(whole.map(|(d, _)| (name.clone(), *d, slot.added.contains(d))));
    }
    let said: BTreeSet<_> = place
        .holdings()
        .into_iter()
        .map(|h| (h.place, h.release.digest, h.added))
        .collect();
    if let Some((at, digest, added)) = said.difference(&held).next() {
        let code = digest.short();
        return Err(format!(
            "says that {at} holds {code} (added: {added}), which is not so"
        ));
    }
    match held.difference(&said).next() {
        Some((at, digest, added)) => Err(format!(
            "does not say that {at} holds {} (added: {added})",
            digest.short()
        )),
        None => Ok(()),
    }
}
