//! Questions on their way up the tree, this place's own and those of places below: those under
//! way to the parent, and those that wait for their turn because it is late with answers.
//!
//! Whoever asks repeats its question until it is answered, so one may be dropped anywhere on
//! the way. Set-ups that have their servers come first: no question goes up while a visit waits.

use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::Message;
use waybook_location_tree::PlaceName;

use super::Place;
use super::pace::Window;
use super::timers::Timer;
use super::turns::{Source, Turns};
use crate::io::Output;
use crate::lazy::Empty;
use crate::{Instant, PaceView};

/// How long a question is waited for before it counts as lost, in mean pauses of those who
/// repeat it.
const PATIENCE: u32 = 2;

/// A question: by which place, and which of its.
pub(super) type Asked = (PlaceName, u64);

/// The questions that climb through here.
#[derive(Debug, Clone, Default)]
pub(super) struct Climbing {
    pub(super) window: Window,
    /// How far each of them is.
    questions: BTreeMap<Asked, Climb>,
    under_way: BTreeSet<(Instant, Asked)>,
    waiting: Turns<Asked>,
}

impl Empty for Climbing {
    const EMPTY: &'static Self = &Self {
        window: Window::new(),
        questions: BTreeMap::new(),
        under_way: BTreeSet::new(),
        waiting: Turns::new(),
    };
}

#[derive(Debug, Clone)]
enum Climb {
    /// It waits for its turn since then.
    Waiting(Source, Instant, Box<Message>),
    /// It was sent then.
    UnderWay(Instant),
}

/// The parent is asked no more now, for it is late with what it has been asked.
pub(super) struct Crowded;

impl Climbing {
    fn wait(&mut self, now: Instant, from: Source, asked: Asked, message: Message) {
        self.waiting.add(from.clone(), now, asked.clone());
        let climb = Climb::Waiting(from, now, Box::new(message));
        self.questions.insert(asked, climb);
    }

    fn send(&mut self, now: Instant, asked: Asked) {
        self.window.sent();
        self.under_way.insert((now, asked.clone()));
        self.questions.insert(asked, Climb::UnderWay(now));
    }

    /// The one whose turn it is.
    fn turn(&mut self) -> Option<(Asked, Message)> {
        let (_, asked) = self.waiting.next()?;
        match self.questions.remove(&asked)? {
            Climb::Waiting(_, _, message) => Some((asked, *message)),
            Climb::UnderWay(_) => None,
        }
    }

    /// Whether its turn has not come yet.
    pub(super) fn is_waiting(&self, asked: &Asked) -> bool {
        matches!(self.questions.get(asked), Some(Climb::Waiting(..)))
    }

    pub(super) fn view(&self) -> PaceView {
        self.window.view(self.waiting.len())
    }

    #[cfg(test)]
    pub(super) fn questions(&self) -> impl std::fmt::Debug {
        &self.questions
    }

    /// No longer climbs; when it was sent, if it was.
    fn remove(&mut self, asked: &Asked) -> Option<Instant> {
        match self.questions.remove(asked)? {
            Climb::Waiting(from, since, _) => {
                self.waiting.remove(&from, since, asked.clone());
                None
            }
            Climb::UnderWay(sent) => {
                self.under_way.remove(&(sent, asked.clone()));
                Some(sent)
            }
        }
    }
}

impl Place {
    /// Puts a question to the parent: now, or when it is its turn.
    ///
    /// # Errors
    /// If its turn would hardly come.
    pub(super) fn climb(
        &mut self,
        now: Instant,
        asked: Asked,
        message: Message,
        out: &mut Vec<Output>,
    ) -> Result<(), Crowded> {
        let Some(parent) = self.parent.clone() else {
            return Ok(());
        };
        match self.climbing.questions.get(&asked) {
            Some(Climb::Waiting(..)) => return Ok(()),
            Some(Climb::UnderWay(sent)) => {
                let sent = *sent;
                // The letter or the answer may be lost.
                if now.since(sent) >= self.climbing.window.patience() {
                    self.climbing.window.silent(now, sent);
                    self.send(&parent, message, out);
                }
                return Ok(());
            }
            None => {}
        }
        let no_visit_waits = !self.pace.is_waiting(&parent);
        let from = self.config.name.next_hop(&asked.0);
        let most = self.neighbour_part(self.config.limits.questions);
        let climbing = &mut *self.climbing;
        if climbing.waiting.is_empty() && climbing.window.has_room() && no_visit_waits {
            climbing.send(now, asked);
            self.send(&parent, message, out);
        } else {
            let turn = self.config.timing.turn;
            let late = climbing.waiting.is_late(now, &from, turn / 2);
            if late || climbing.waiting.length(&from) >= most {
                self.counters.limited += 1;
                return Err(Crowded);
            }
            climbing.wait(now, from, asked, message);
        }
        self.watch_climbing();
        Ok(())
    }

    /// An answer has come from the parent.
    pub(super) fn climbed(&mut self, now: Instant, asked: &Asked, out: &mut Vec<Output>) {
        let (lag, most) = (self.config.timing.lag, self.config.limits.questions);
        if let Some(sent) = self.climbing.remove(asked) {
            self.climbing.window.answered(now, sent, lag, most);
            self.ask_waiting(now, out);
        }
    }

    /// Nobody waits any more for the answer.
    pub(super) fn climb_no_longer(&mut self, now: Instant, asked: &Asked, out: &mut Vec<Output>) {
        if self.climbing.remove(asked).is_some() {
            self.climbing.window.given_up();
            self.ask_waiting(now, out);
        }
    }

    /// Asks what waits for its turn, as far as there is room.
    pub(super) fn ask_waiting(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        while !self.climbing.waiting.is_empty()
            && self.climbing.window.has_room()
            && !self.pace.is_waiting(&parent)
        {
            let Some((asked, message)) = self.climbing.turn() else {
                continue;
            };
            self.climbing.send(now, asked);
            self.send(&parent, message, out);
            self.watch_climbing();
        }
    }

    /// Drops what has waited or been under way for too long.
    pub(super) fn climbing_timer(&mut self, now: Instant, out: &mut Vec<Output>) {
        let patience = self.config.timing.setup_refresh * PATIENCE;
        while let Some((sent, asked)) = self.climbing.under_way.first().cloned()
            && now.since(sent) >= patience
        {
            self.climbing.remove(&asked);
            self.climbing.window.given_up();
            self.climbing.window.silent(now, sent);
        }
        let turn = self.config.timing.turn;
        while let Some((_, (since, asked))) = self.climbing.waiting.oldest()
            && now.since(*since) >= turn
        {
            let asked = asked.clone();
            self.climbing.remove(&asked);
            // Others will ask again.
            if asked.0 == self.config.name {
                self.question_crowded(now, asked.1, out);
            }
        }
        self.ask_waiting(now, out);
        self.watch_climbing();
    }

    /// Looks again when the next one has waited or been under way for too long.
    fn watch_climbing(&mut self) {
        let patience = self.config.timing.setup_refresh * PATIENCE;
        let lost = self
            .climbing
            .under_way
            .first()
            .map(|(sent, _)| *sent + patience);
        let turn = self.config.timing.turn;
        let late = self.climbing.waiting.oldest();
        let late = late.map(|(_, (since, _))| *since + turn);
        match lost.into_iter().chain(late).min() {
            Some(at) => self.timers.set(Timer::Climbing, at),
            None => self.timers.cancel(&Timer::Climbing),
        }
    }
}
