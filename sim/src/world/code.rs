//! What operators do with code, and how components of code start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_place::io::{CodeOrder, Input, RequestId};
use waybook_plan::{Component, Digest, Release, Runtime};

use super::{Slot, World};
use crate::check::Violation;

/// What a place answered to an order: the releases concerned, or why not.
pub type Ordered = Result<Vec<Arc<Release>>, String>;

/// An order about code.
#[derive(Debug)]
struct Order {
    place: PlaceName,
    order: CodeOrder,
    /// How code that it is about was marked at the place before.
    marks: (bool, bool),
    answer: Option<Ordered>,
}

/// The orders of a run.
#[derive(Debug, Default)]
pub(crate) struct Orders(BTreeMap<RequestId, Order>);

impl Orders {
    /// A place is down: who waits for its answer hears nothing.
    pub(super) fn forget(&mut self, place: &PlaceName) {
        self.0
            .retain(|_, o| o.place != *place || o.answer.is_some());
    }

    /// How many have had no answer yet.
    pub(crate) fn waiting(&self) -> usize {
        self.0.values().filter(|o| o.answer.is_none()).count()
    }
}

impl World {
    /// An operator adds code at a place: its driver puts the binary into the repository as it
    /// offers it to the place; what that says, as soon as its machine has got to it.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may.
    ///
    /// # Panics
    /// If the place is down.
    pub fn add_code(
        &mut self,
        place: &PlaceName,
        release: &Arc<Release>,
    ) -> Result<Ordered, Violation> {
        assert!(self.place(place).is_some(), "{place} is down");
        let id = self.order(place, CodeOrder::Add(Arc::clone(release)))?;
        // The machine of a place may be busy with it for a while.
        while self.ordered(id).is_none() && self.step()? {}
        let answer = self.ordered(id).cloned();
        Ok(answer.expect("an answer"))
    }

    /// An operator orders something about code at a place.
    ///
    /// # Errors
    /// [`Violation`] if the place does something that no place may.
    pub fn order(&mut self, place: &PlaceName, order: CodeOrder) -> Result<RequestId, Violation> {
        // Clients' numbers begin at 1 and do not get that far. Counting the orders would give
        // a number twice, as those of places that crash are forgotten.
        let last = self.orders.0.last_key_value();
        let request = RequestId(last.map_or(1 << 32, |(last, _)| last.0 + 1));
        let slot = self.slots.get_mut(place).expect("a place of this run");
        let digest = subject(&order);
        let marks = digest.map_or((false, false), |digest| {
            let marks = (slot.added.contains(&digest), slot.pinned.contains(&digest));
            // What is removed may be deleted in the same breath.
            if let CodeOrder::Remove(_) = &order {
                slot.mark(digest, (false, false));
            }
            marks
        });
        if matches!(order, CodeOrder::Add(_) | CodeOrder::Remove(_)) {
            self.disturb_index();
        }
        let waits = Order {
            place: place.clone(),
            order: order.clone(),
            marks,
            answer: None,
        };
        self.orders.0.insert(request, waits);
        self.handle(place, Input::Code { request, order })?;
        Ok(request)
    }

    /// What an order was answered; nothing yet if it is still being carried out, or its
    /// place has crashed.
    #[must_use]
    pub fn ordered(&self, request: RequestId) -> Option<&Ordered> {
        self.orders.0.get(&request)?.answer.as_ref()
    }

    /// The code that operators have added, each piece at its home.
    #[must_use]
    pub fn added(&self) -> Vec<Arc<Release>> {
        let slots = self.slots.values();
        let added = slots.flat_map(|s| s.added.iter().filter_map(|d| s.repository.get(d)));
        added.map(|file| Arc::clone(&file.release)).collect()
    }

    /// Gives a place another strategy for the download agents of the future.
    ///
    /// # Errors
    /// [`Violation`] if the place does something that no place may.
    pub fn change_strategy(
        &mut self,
        place: &PlaceName,
        strategy: DownloadStrategy,
    ) -> Result<(), Violation> {
        self.handle(place, Input::Strategy(strategy))
    }

    /// A place answers an order.
    pub(super) fn code_done(
        &mut self,
        place: &PlaceName,
        request: RequestId,
        answer: Ordered,
    ) -> Result<(), String> {
        let order = self.orders.0.get_mut(&request);
        let order = order.filter(|o| o.place == *place && o.answer.is_none());
        let order =
            order.ok_or_else(|| format!("answers order {}, which nobody waits for", request.0))?;
        let slot = self.slots.get_mut(place).expect("a place of this run");
        let (added, pinned) = order.marks;
        match (&order.order, &answer) {
            (CodeOrder::Add(release), Ok(_)) => slot.mark(release.digest, (true, pinned)),
            (CodeOrder::Add(release), Err(_)) => {
                let known = slot.place().is_some_and(|p| {
                    let mut code = p.code().into_iter();
                    code.any(|c| c.release.digest == release.digest)
                });
                if !known {
                    slot.repository.remove(&release.digest);
                }
            }
            (CodeOrder::Remove(digest), Err(_)) => slot.mark(*digest, (added, pinned)),
            (CodeOrder::Pin(digest, pin), Ok(_)) => slot.mark(*digest, (added, *pin)),
            _ => {}
        }
        order.answer = Some(answer);
        Ok(())
    }

    /// When the code of a component that is being started can run.
    pub(super) fn compiled(
        &mut self,
        place: &PlaceName,
        component: &Component,
        release: Option<&Release>,
    ) -> Result<Duration, String> {
        let Some(release) = release else {
            return match component.runtime {
                Runtime::Wasm => Err(format!("starts {component} without its code")),
                Runtime::Builtin | Runtime::Process => Ok(Duration::ZERO),
            };
        };
        if component.runtime != Runtime::Wasm || component.name != release.reference() {
            return Err(format!("starts {component} as {}", release.reference()));
        }
        let slot = self.slots.get_mut(place).expect("a place of this run");
        let time = slot.compile_time().unwrap_or(self.compile_time);
        let at = slot.repository.compile(&release.digest, self.now, time);
        Ok(at.since(self.now))
    }
}

/// The code that an order is about.
fn subject(order: &CodeOrder) -> Option<Digest> {
    match order {
        CodeOrder::Add(release) => Some(release.digest),
        CodeOrder::Remove(digest) | CodeOrder::Pin(digest, _) => Some(*digest),
        CodeOrder::Prefetch(_) | CodeOrder::Collect => None,
    }
}

impl Slot {
    /// Marks code as added, and as pinned, or as not.
    fn mark(&mut self, digest: Digest, (added, pinned): (bool, bool)) {
        for (marks, marked) in [(&mut self.added, added), (&mut self.pinned, pinned)] {
            if marked {
                marks.insert(digest);
            } else {
                marks.remove(&digest);
            }
        }
    }
}
