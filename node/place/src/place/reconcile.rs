//! Two sessions under one key: one whose path is cut, and one that is to take its place or has
//! taken it.
//!
//! A client whose session is cut may ask again under its key. The key then stands for the new
//! session, and the presentation of the old one says which goes on.

use waybook_agents::{Event, SessionId};
use waybook_plan::Reconcile;

use super::Place;
use super::clients::Key;
use super::opens::Held;
use super::timers::Timer;
use crate::Instant;
use crate::io::{EndReason, Outcome, Output};

impl Place {
    /// Whether another session is to take the place of an established one if its client asks
    /// again: its path has been cut for longer than a next hop may be silent.
    pub(super) fn is_to_be_replaced(&self, now: Instant, key: &Key, session: SessionId) -> bool {
        let patience = self.config.timing.setup_lease;
        let hop = self.hops.get(&session);
        let cut = hop.and_then(|hop| hop.cut);
        let is_replacement = self.opens.originals.contains_key(key);
        !is_replacement && cut.is_some_and(|since| now.since(since) >= patience)
    }

    /// A session stands in the place of the one that the key stood for before.
    pub(super) fn replaced(&mut self, now: Instant, key: &Key, out: &mut Vec<Output>) {
        let Some(original) = self.opens.originals.get(key).copied() else {
            return;
        };
        if self.goes_on(original) == Reconcile::Replacement {
            self.close(now, original, EndReason::Replaced, out);
        }
    }

    /// The path of a session is whole again at its client's place: nothing needs to take its
    /// place any longer, and what has may have to end.
    pub(super) fn reconcile(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let client = self.hops.get(&session).and_then(|hop| hop.client.as_ref());
        let Some(key) = client.map(|client| client.key.clone()) else {
            return;
        };
        if self.opens.originals.get(&key) != Some(&session) {
            return;
        }
        match self.opens.keys.get(&key).copied() {
            Some(Held::Pending(first)) => {
                self.timers.cancel(&Timer::Retry(first));
                if let Some(pending) = self.opens.pending.remove(&first) {
                    self.answer_pending(*pending, &Outcome::Closed, out);
                }
            }
            Some(Held::Session(other)) => {
                let hop = self.hops.get(&other);
                if hop.is_some_and(|hop| hop.established.is_none()) {
                    self.drive(now, other, Event::Released, out);
                } else if self.goes_on(session) == Reconcile::Original {
                    self.close(now, other, EndReason::Reconciled, out);
                }
            }
            None => {}
        }
    }

    fn goes_on(&self, original: SessionId) -> Reconcile {
        let hop = self.hops.get(&original);
        hop.map_or_else(Reconcile::default, |hop| {
            hop.visitor.solution().when_cut.reconcile
        })
    }

    /// A set-up under the key has come to nothing; the session that it was to replace, if any.
    pub(super) fn back_to_original(&mut self, key: &Key) -> Option<Outcome> {
        let Some(original) = self.opens.originals.remove(key) else {
            self.opens.keys.remove(key);
            return None;
        };
        (self.opens.keys).insert(key.clone(), Held::Session(original));
        let client = self.hops.get(&original)?.client.as_ref()?;
        let established = client.established.clone()?;
        Some(Outcome::Established(Box::new(established)))
    }

    /// An established session has ended; its key stands for the other one, if there is one.
    pub(super) fn forget_key(&mut self, key: &Key, session: SessionId) {
        match self.opens.originals.remove(key) {
            Some(original) if original != session => {
                (self.opens.keys).insert(key.clone(), Held::Session(original));
            }
            Some(_) => {}
            None => {
                self.opens.keys.remove(key);
            }
        }
    }

    /// The session whose place this one has taken.
    pub(super) fn replaced_by(&self, key: &Key, session: SessionId) -> Option<SessionId> {
        let original = self.opens.originals.get(key).copied();
        original.filter(|original| *original != session)
    }

    /// A session is found again after a restart, maybe with the one whose place it has taken.
    pub(super) fn remember_key(
        &mut self,
        key: Key,
        session: SessionId,
        replaces: Option<SessionId>,
    ) {
        self.opens.change_share(&key.0, |share| {
            share.begun();
            share.established();
        });
        if let Some(original) = replaces {
            self.opens.originals.insert(key.clone(), original);
            self.opens.keys.insert(key, Held::Session(session));
        } else if self.opens.originals.get(&key) != Some(&session) {
            (self.opens.keys)
                .entry(key)
                .or_insert(Held::Session(session));
        }
    }

    /// Once all sessions are found again: of two that had one key, one may be gone.
    pub(super) fn forget_lost_originals(&mut self) {
        let hops = &self.hops;
        let originals = self.opens.made().map(|opens| &mut opens.originals);
        if let Some(originals) = originals {
            originals.retain(|_, original| hops.contains_key(original));
        }
    }
}
