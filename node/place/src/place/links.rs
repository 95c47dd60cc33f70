//! Neighbours: who they are, whether they are there, and which life they are in.

use std::collections::BTreeSet;

use waybook_agents::{Envelope, Event, Feed, Incarnation, Message, RefusalReason, SessionId};
use waybook_location_tree::PlaceName;

use super::handoff::Sent;
use super::timers::Timer;
use super::{Place, State};
use crate::by_neighbour::ByNeighbour;
use crate::io::{Output, RecordKey};
use crate::{Instant, NeighbourView, PaceView, Refusals};

/// Sessions per part of a re-sync; a part stays well below the frame limit.
const RESYNC_PART: usize = 4_000;

#[derive(Debug, Clone)]
struct Link {
    up: bool,
    incarnation: Incarnation,
    /// The newest version of the protocol that both ends speak.
    version: u8,
    /// When the connection last came up.
    since: Instant,
    /// How far the neighbour's list of sessions is.
    listed: Listed,
    /// What it has sent in vain, if anything.
    blame: Option<Box<Refusals>>,
}

/// What a neighbour lists on a new connection, once.
#[derive(Debug, Clone)]
enum Listed {
    Nothing,
    /// These so far.
    Some(BTreeSet<SessionId>),
    All,
}

/// The neighbours, and which of them a restarted place still waits for.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    links: ByNeighbour<Link>,
    /// Neighbours that may know of bookings which this place has lost in a crash; it
    /// grants nothing new until they have listed theirs.
    awaited: BTreeSet<PlaceName>,
}

impl Links {
    pub(super) fn is_up(&self, neighbour: &PlaceName) -> bool {
        self.links.get(neighbour).is_some_and(|l| l.up)
    }

    /// The newest version of the protocol that is spoken with a neighbour, if there is a
    /// connection.
    pub(super) fn version(&self, neighbour: &PlaceName) -> Option<u8> {
        let link = self.links.get(neighbour).filter(|l| l.up)?;
        Some(link.version)
    }

    /// The neighbour in whose locality a place lies; none if it lies below none of them.
    pub(super) fn below(&self, here: &PlaceName, place: &PlaceName) -> Option<&PlaceName> {
        if self.links.is_short() {
            let mut neighbours = self.links.iter().map(|(neighbour, _)| neighbour);
            return neighbours.find(|n| here.contains(n) && n.contains(place));
        }
        let next = here.next_hop(place).filter(|next| here.contains(next))?;
        self.links.get_entry(&next).map(|(next, _)| next)
    }

    pub(super) fn up(&self) -> impl Iterator<Item = (&PlaceName, Incarnation)> {
        self.links
            .iter()
            .filter(|(_, l)| l.up)
            .map(|(n, l)| (n, l.incarnation))
    }

    pub(super) fn is_recovering(&self) -> bool {
        !self.awaited.is_empty()
    }

    pub(super) fn recovered(&mut self) {
        self.awaited.clear();
    }

    pub(super) fn await_resync(&mut self, neighbour: PlaceName) {
        self.awaited.insert(neighbour);
    }

    /// When the connection to a neighbour last came up.
    #[cfg(test)]
    pub(super) fn since(&self, neighbour: &PlaceName) -> Option<Instant> {
        self.links.get(neighbour).map(|l| l.since)
    }

    /// What a neighbour has sent in vain, to be added to.
    pub(super) fn blame(&mut self, neighbour: &PlaceName) -> Option<&mut Refusals> {
        let link = self.links.get_mut(neighbour)?;
        Some(link.blame.get_or_insert_default())
    }

    /// All neighbours that there have been in this life.
    pub(super) fn views(&self) -> impl Iterator<Item = NeighbourView> {
        self.links.iter().map(|(place, link)| NeighbourView {
            place: place.clone(),
            incarnation: link.incarnation,
            version: link.version,
            up: link.up,
            refusals: link.blame.as_deref().copied().unwrap_or_default(),
            visits: PaceView::default(),
            questions: PaceView::default(),
        })
    }

    /// Those without a connection, with when that last came up.
    pub(super) fn down(&self) -> impl Iterator<Item = (&PlaceName, Instant)> {
        let down = self.links.iter().filter(|(_, link)| !link.up);
        down.map(|(neighbour, link)| (neighbour, link.since))
    }

    /// How many there have been and are not forgotten.
    pub(super) fn known(&self) -> usize {
        self.links.iter().count()
    }

    /// A former life knew of that child.
    pub(super) fn remember(&mut self, child: PlaceName) {
        let link = Link {
            up: false,
            incarnation: Incarnation::UNKNOWN,
            version: 0,
            since: Instant::default(),
            listed: Listed::Nothing,
            blame: None,
        };
        self.links.insert(child, link);
    }

    pub(super) fn forget(&mut self, neighbour: &PlaceName) {
        self.links.remove(neighbour);
        self.awaited.remove(neighbour);
    }

    fn incarnation(&self, neighbour: &PlaceName) -> Option<Incarnation> {
        self.links.get(neighbour).map(|l| l.incarnation)
    }
}

impl Place {
    /// Whether `other` may be a neighbour of this place at all.
    fn may_neighbour(&self, other: &PlaceName) -> bool {
        self.config.name.is_neighbour_of(other)
    }

    pub(super) fn send(&self, to: &PlaceName, message: Message, out: &mut Vec<Output>) {
        // Nothing waits for a connection here: whatever must arrive is repeated.
        let Some((to, link)) = self.links.links.get_entry(to).filter(|(_, l)| l.up) else {
            return;
        };
        let Some(message) = message.for_version(link.version) else {
            return;
        };
        let envelope = Envelope {
            from: self.incarnation,
            to: link.incarnation,
            message,
        };
        out.push(Output::Send {
            to: to.clone(),
            envelope,
        });
    }

    /// Whether a message is from a neighbour's present life and meant for this one.
    pub(super) fn accepts(&mut self, from: &PlaceName, envelope: &Envelope) -> bool {
        let Some(link) = self.links.links.get(from).filter(|l| l.up) else {
            self.counters.refused_messages += 1;
            return false;
        };
        let meant = envelope.to == self.incarnation || envelope.to == Incarnation::UNKNOWN;
        if envelope.from != link.incarnation || !meant {
            self.counters.outdated += 1;
            return false;
        }
        true
    }

    pub(super) fn link_up(
        &mut self,
        now: Instant,
        neighbour: &PlaceName,
        incarnation: Incarnation,
        version: u8,
        out: &mut Vec<Output>,
    ) {
        if !self.may_neighbour(neighbour) {
            self.counters.refused_messages += 1;
            return;
        }
        let before = self.links.incarnation(neighbour);
        if before.is_some_and(|before| before > incarnation) {
            self.counters.outdated += 1;
            return;
        }
        let is_child = self.config.name.contains(neighbour);
        if is_child {
            let is_other = |n: &PlaceName| self.config.name.contains(n) && n != neighbour;
            let others = self.links.up().filter(|(n, _)| is_other(n)).count();
            if others >= self.config.limits.children {
                self.counters.refused_messages += 1;
                return;
            }
        }
        if is_child && before.is_none() {
            self.forget_old_children(now, out);
            let key = RecordKey::Child(neighbour.clone());
            out.push(Output::Store {
                key,
                value: Some(Vec::new()),
            });
        }
        let link = Link {
            up: true,
            incarnation,
            version,
            since: now,
            listed: Listed::Nothing,
            blame: self
                .links
                .links
                .get_mut(neighbour)
                .and_then(|l| l.blame.take()),
        };
        self.links.links.insert(neighbour.clone(), link);
        self.pace_anew(neighbour);
        self.timers.cancel(&Timer::IndexGrace(neighbour.clone()));
        self.unpark_downloads();
        if before.is_some_and(|before| before < incarnation) {
            self.crashed(now, neighbour, out);
        }
        self.rejoined(now, neighbour, out);
        self.list_sessions(neighbour, out);
        self.repeat_to(now, neighbour, out);
        self.send_waiting(now, neighbour, out);
        if !is_child {
            self.tell_whole_index(out);
            self.tell_all_code(out);
            self.tell_all_summaries(now);
        }
    }

    pub(super) fn link_down(&mut self, now: Instant, neighbour: &PlaceName, out: &mut Vec<Output>) {
        let Some(link) = self.links.links.get_mut(neighbour) else {
            return;
        };
        let was_up = std::mem::replace(&mut link.up, false);
        link.listed = Listed::Nothing;
        if self.config.name.contains(neighbour) {
            let at = now + self.config.timing.index_grace;
            self.timers.set(Timer::IndexGrace(neighbour.clone()), at);
        }
        if was_up {
            self.cut_off(now, neighbour, out);
        }
    }

    /// A neighbour has begun a new life: its set-ups are gone. What was established it
    /// finds again by itself.
    fn crashed(&mut self, now: Instant, neighbour: &PlaceName, out: &mut Vec<Output>) {
        self.dismiss_guests_of(neighbour, out);
        let setups: Vec<_> = self
            .hops_at_edge(neighbour)
            .filter(|h| h.visitor.state() != State::Established)
            .collect();
        let mut events = Vec::new();
        for hop in setups {
            let session = hop.visitor.session();
            if hop.from.as_ref() == Some(neighbour) {
                events.push((session, Event::Released));
            } else if let Some((_, number)) =
                hop.visitor.child().filter(|(place, _)| *place == neighbour)
                && !hop.sent.as_ref().is_some_and(Sent::is_waiting)
            {
                let reason = RefusalReason::Lost {
                    next: neighbour.clone(),
                };
                events.push((session, Event::ChildLost { number, reason }));
            }
        }
        for (session, event) in events {
            self.drive(now, session, event, out);
        }
    }

    /// Tells a neighbour of every established session that leads on to it.
    fn list_sessions(&self, neighbour: &PlaceName, out: &mut Vec<Output>) {
        let sessions: Vec<_> = self.established_towards(neighbour);
        let parts = sessions.len().div_ceil(RESYNC_PART).max(1);
        for part in 0..parts {
            let from = part * RESYNC_PART;
            let to = sessions.len().min(from + RESYNC_PART);
            let (first, last) = (part == 0, part + 1 == parts);
            let message = Message::Resync {
                sessions: sessions[from..to].to_vec(),
                first,
                last,
            };
            self.send(neighbour, message, out);
        }
    }

    /// A neighbour on the client's side lists what it feeds. What it does not list is
    /// over; what is not here, it is told.
    pub(super) fn resync(
        &mut self,
        now: Instant,
        from: &PlaceName,
        sessions: &[Feed],
        first: bool,
        last: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(link) = self.links.links.get_mut(from) else {
            return;
        };
        if first && !matches!(link.listed, Listed::All) {
            link.listed = Listed::Some(BTreeSet::new());
        }
        let Listed::Some(listed) = &mut link.listed else {
            // It comes twice: sessions may have come to stand since that it does not know of.
            self.counters.fenced += 1;
            return;
        };
        if listed.len() + sessions.len() > self.config.limits.sessions {
            // No honest neighbour feeds more than may be here.
            link.listed = Listed::Nothing;
            self.counters.refused_messages += 1;
            return;
        }
        listed.extend(sessions.iter().map(|f| f.session));
        let since = link.since;
        let listed = last.then(|| std::mem::take(listed));
        if last {
            link.listed = Listed::All;
        }
        self.refreshed(now, from, &[], sessions, out);
        let Some(listed) = listed else { return };
        // Sessions that were established here since the connection came up may not have
        // been when the list was made.
        let over = |hop: &&super::Hop| {
            hop.from.as_ref() == Some(from)
                && hop.established.is_some_and(|at| at <= since)
                && !listed.contains(&hop.visitor.session())
        };
        let over: Vec<_> = self
            .hops_at_edge(from)
            .filter(over)
            .map(|h| h.visitor.session())
            .collect();
        for session in over {
            self.drive(now, session, Event::Released, out);
        }
        self.links.awaited.remove(from);
        if !self.links.is_recovering() {
            self.timers.cancel(&Timer::Recovery);
            self.unpark_downloads();
        }
    }
}
