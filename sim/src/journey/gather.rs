//! What can be said of steps once all of them are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_location_tree::PlaceName;

use super::step::{Step, What};

/// Says of each message that was sent when it was read. Of what arrives after the end nothing
/// better is known than when it arrives.
pub(super) fn pair(steps: &mut [Step], end: Duration) {
    type Key = (PlaceName, PlaceName, u64, &'static str, Option<u16>);
    let mut sent: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for at in 0..steps.len() {
        let Step {
            session,
            place,
            what,
            ..
        } = &steps[at];
        match what {
            What::Sends { to, message, .. } => {
                let (from, to) = (place.clone(), to.clone());
                let key = (from, to, *session, message.kind, message.visit);
                sent.entry(key).or_default().push(at);
            }
            What::Receives { from, message, .. } => {
                let (from, to) = (from.clone(), place.clone());
                let key = (from, to, *session, message.kind, message.visit);
                let read = steps[at].at;
                let waiting = sent.get_mut(&key).into_iter().flatten();
                for sender in waiting {
                    if let What::Sends {
                        received, arrives, ..
                    } = &mut steps[*sender].what
                        && received.is_none()
                        && arrives.is_some_and(|arrives| arrives <= read)
                    {
                        *received = Some(read);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    for step in steps {
        if let What::Sends {
            received, arrives, ..
        } = &mut step.what
            && received.is_none()
        {
            *received = arrives.filter(|at| *at > end);
        }
    }
}

/// These places, and those between them in the tree.
pub(super) fn connected(places: BTreeSet<PlaceName>) -> Vec<PlaceName> {
    let top =
        (places.iter().cloned()).reduce(|top, place| top.common_ancestor(&place).unwrap_or(top));
    let Some(top) = top else {
        return Vec::new();
    };
    let mut all = BTreeSet::new();
    for place in places {
        let mut next = Some(place);
        while let Some(place) = next.filter(|place| top.contains(place)) {
            next = place.parent();
            if !all.insert(place) {
                break;
            }
        }
    }
    all.into_iter().collect()
}
