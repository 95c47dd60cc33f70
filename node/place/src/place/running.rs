//! Running components for a session, with the code that they need.

use std::sync::Arc;

use waybook_agents::{Event, SessionId};
use waybook_plan::Component;

use super::Place;
use super::components::{Ended, Needs, Use};
use super::downloads::{Claim, Waiter};
use super::hops::{Hop, booked};
use crate::Instant;
use crate::io::{InstanceId, Output};

impl Place {
    /// Sees to it that the components of a hop run, fetching what code is missing.
    pub(super) fn acquire(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        components: &[Component],
        out: &mut Vec<Output>,
    ) {
        if components.is_empty() {
            hop.uses.clear();
            return;
        }
        let releases = Arc::clone(&hop.visitor.plan().releases);
        let needs = Needs {
            session: hop.visitor.session(),
            components,
            releases: &releases,
            goes_on: hop.visitor.child().is_some(),
            booked: booked(hop),
        };
        let (uses, waiting) = self.components.acquire(&needs, now, out);
        for (instance, release) in waiting {
            self.start_with_code(instance, &release, hop.from.as_ref(), out);
        }
        hop.uses = uses;
        for one in &mut hop.uses {
            let awaited = self.components.awaited(one.instance);
            one.before = awaited.map_or(0, |release| self.downloads.bytes(release));
        }
    }

    /// Makes exactly these components run for the hop; whether they all answer already.
    pub(super) fn run(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        components: &[Component],
        out: &mut Vec<Output>,
    ) -> bool {
        let session = hop.visitor.session();
        let old = std::mem::take(&mut hop.uses);
        // First the new ones, so that what is needed before and after keeps running.
        self.acquire(now, hop, components, out);
        for one in &mut hop.uses {
            if let Some(kept) = old.iter().find(|o| o.instance == one.instance) {
                *one = *kept;
            }
        }
        let gone: Vec<_> = old
            .into_iter()
            .filter(|o| hop.uses.iter().all(|n| n.instance != o.instance))
            .collect();
        self.release_uses(session, &gone, out);
        self.tell_awaited(hop, out);
        self.components.are_up(&hop.uses)
    }

    /// The session no longer needs these.
    pub(super) fn release_uses(&mut self, session: SessionId, uses: &[Use], out: &mut Vec<Output>) {
        if uses.is_empty() {
            return;
        }
        for ended in self.components.release(session, uses, out) {
            self.code_unused(&ended, out);
        }
    }

    /// An instance that ran code, or waited for it, is gone.
    fn code_unused(&mut self, ended: &Ended, out: &mut Vec<Output>) {
        self.repository.end_use(&ended.release.digest);
        let waiter = Waiter::Instance(ended.instance);
        self.wait_no_longer(&Claim::of(&ended.release), &waiter, out);
    }

    /// A component did not start, or its code could not be had.
    pub(super) fn component_failed(
        &mut self,
        now: Instant,
        instance: InstanceId,
        why: &str,
        out: &mut Vec<Output>,
    ) {
        let Some((component, sessions, ended)) = self.components.failed(instance) else {
            return;
        };
        if let Some(ended) = ended {
            self.code_unused(&ended, out);
        }
        for session in sessions {
            let (component, why) = (component.clone(), why.to_owned());
            self.drive(now, session, Event::ComponentFailed { component, why }, out);
        }
    }

    /// A component of the session answers.
    pub(super) fn components_changed(
        &mut self,
        now: Instant,
        session: SessionId,
        out: &mut Vec<Output>,
    ) {
        let complete = self
            .hops
            .get(&session)
            .is_some_and(|h| self.components.are_up(&h.uses));
        if complete {
            self.drive(now, session, Event::ComponentsUp, out);
        }
    }
}
