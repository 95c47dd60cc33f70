//! The state of one direction of an edge, and what becomes of what it is given.

use std::time::Duration;

use rand::RngExt;
use waybook_place::Instant;

use super::fault::Act;
use super::model::{Bursts, DirectionModel, Disturbance, Loss, Messages};
use super::sharing::Sharing;
use crate::distribution::Distribution;
use crate::quantity::Probability;
use crate::random::Draws;

/// What is drawn for a message. Each has a stream of its own for each direction, in which
/// the nth message always gets the same.
#[derive(Clone, Copy)]
enum Purpose {
    Latency,
    Jitter,
    Channel,
    Loss,
    Duplicate,
    Again,
    Reorder,
    Late,
    Chunk,
    DisturbedLoss,
    DisturbedDuplicate,
    DisturbedReorder,
}

/// One direction of an edge. There are two for each place, so it is kept small.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// When the last message arrives: nothing sent later arrives earlier.
    last: Instant,
    pub(super) mute: bool,
    /// Whether a channel with bursts of loss is in one.
    bad: bool,
    /// Until when it is busy with what was handed to it in turn.
    busy: Instant,
    /// When the last chunk arrives: none that leaves later arrives earlier.
    landed: Instant,
    /// Bytes of chunks that were handed to it so far.
    pub(super) bytes: u64,
    /// Messages that were handed to it so far.
    count: u64,
    /// Chunks that have left it so far.
    chunks: u64,
    /// Chunks that share it; made when there is one.
    sharing: Option<Box<Sharing>>,
}

/// What holds for a message when it is sent.
pub(super) struct Terms<'a> {
    pub(super) now: Instant,
    pub(super) model: &'a DirectionModel,
    pub(super) disturbance: Option<&'a Disturbance>,
    pub(super) rate: Option<u64>,
    /// The direction's own streams.
    pub(super) draws: Draws,
}

/// When a message arrives and arrives again, and whether it fared worse than in a stream.
pub(super) struct Fate {
    pub(super) first: Option<Instant>,
    pub(super) again: Option<Instant>,
    pub(super) flawed: bool,
}

/// When a chunk has left its sender, and when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carriage {
    /// The edge has taken all of it: the next one may be handed over.
    pub left: Instant,
    /// When it arrives, if the connection stands until then.
    pub arrives: Instant,
}

/// What becomes of a chunk that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// It has its turn: that is known now.
    Queues(Carriage),
    /// It shares the direction with others: when to call
    /// [`Network::finish`](super::Network::finish). None if that has been said already and is
    /// early enough.
    Shares(Option<Instant>),
}

/// Which chunks of those that share a direction have left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// Whose chunks, in the order of being done, and when each arrives.
    pub done: Vec<(u64, Carriage)>,
    /// When to ask again; none if a time to ask has been given already that is as early,
    /// or nothing is under way.
    pub ask: Option<Instant>,
}

/// Draws for one message or chunk.
#[derive(Clone, Copy)]
struct Chances {
    draws: Draws,
    n: u64,
}

impl Chances {
    fn draw(self, purpose: Purpose, from: &Distribution) -> Duration {
        match from.only() {
            Some(value) => value,
            None => from.sample(&mut self.draws.nth(purpose as u64, self.n)),
        }
    }

    fn strikes(self, purpose: Purpose, probability: Probability) -> bool {
        let probability = probability.value();
        probability > 0.0
            && self
                .draws
                .nth(purpose as u64, self.n)
                .random_bool(probability)
    }
}

impl Direction {
    /// A new connection: nothing is under way.
    pub(super) fn clear(&mut self) {
        self.last = Instant::default();
        self.busy = Instant::default();
        self.landed = Instant::default();
        self.sharing = None;
    }

    /// Decides what becomes of a message of so many bytes.
    pub(super) fn send(&mut self, terms: &Terms<'_>, length: u64, acts: &[Act]) -> Fate {
        let model = terms.model;
        if acts.is_empty()
            && let Some(at) = self.calm(terms)
        {
            self.count += 1;
            self.last = at;
            return Fate {
                first: Some(at),
                again: None,
                flawed: false,
            };
        }
        let chances = Chances {
            draws: terms.draws,
            n: self.count,
        };
        self.count += 1;
        let left = match model.messages {
            Messages::Beside => terms.now,
            Messages::Within => self.queue(terms, length),
        };
        let mut delay = chances.draw(Purpose::Latency, &model.latency)
            + chances.draw(Purpose::Jitter, &model.jitter);
        let mut lost = self.loses(&model.loss, chances) || self.mute;
        let mut twice = chances.strikes(Purpose::Duplicate, model.duplicate);
        let mut overtaken = chances.strikes(Purpose::Reorder, model.reorder);
        let mut late = &model.late;
        if let Some(extra) = terms.disturbance {
            let strikes = |purpose, probability| chances.strikes(purpose, probability);
            lost |= strikes(Purpose::DisturbedLoss, extra.loss);
            twice |= strikes(Purpose::DisturbedDuplicate, extra.duplicate);
            overtaken |= strikes(Purpose::DisturbedReorder, extra.reorder);
            if extra.late.only() != Some(Duration::ZERO) {
                late = &extra.late;
            }
        }
        let mut again = twice.then(|| delay + chances.draw(Purpose::Again, late));
        if overtaken {
            delay += chances.draw(Purpose::Late, late);
        }
        for act in acts {
            match *act {
                Act::Drop => lost = true,
                Act::Duplicate(later) => again = Some(delay + later),
                Act::Stall(by) => delay += by,
                Act::Postpone(by) => {
                    delay += by;
                    overtaken = true;
                }
            }
        }
        let mut at = left + delay;
        if !overtaken {
            at = at.max(self.last);
        }
        lost |= at.since(left) > model.idle;
        let flawed = lost || overtaken || again.is_some();
        if lost {
            return Fate {
                first: None,
                again: None,
                flawed,
            };
        }
        if !overtaken {
            self.last = at;
        }
        let again = again.filter(|delay| *delay <= model.idle);
        Fate {
            first: Some(at),
            again: again.map(|delay| left + delay),
            flawed,
        }
    }

    /// When a message arrives to which nothing can happen, as to most of large runs: the
    /// same as for any other, but cheaper.
    fn calm(&self, terms: &Terms<'_>) -> Option<Instant> {
        let latency = terms.model.calm()?;
        let at = self.last.max(terms.now + latency);
        let in_time = at.since(terms.now) <= terms.model.idle;
        (in_time && !self.mute && terms.disturbance.is_none()).then_some(at)
    }

    fn loses(&mut self, loss: &Loss, chances: Chances) -> bool {
        let probability = match loss {
            Loss::Independent(probability) => *probability,
            Loss::Bursts(bursts) => self.channel(bursts, chances),
        };
        chances.strikes(Purpose::Loss, probability)
    }

    /// Lets the channel change before a message; how likely that is lost then.
    fn channel(&mut self, bursts: &Bursts, chances: Chances) -> Probability {
        let change = if self.bad {
            bursts.to_good
        } else {
            bursts.to_bad
        };
        self.bad ^= chances.strikes(Purpose::Channel, change);
        if self.bad { bursts.bad } else { bursts.good }
    }

    /// Has a chunk wait for what came before it, take its time and cross the edge.
    pub(super) fn carry(&mut self, terms: &Terms<'_>, length: u64) -> Carriage {
        self.bytes += length;
        let left = self.queue(terms, length);
        self.cross(terms, left)
    }

    /// Has bytes wait for those before them and take their time; when they have left.
    fn queue(&mut self, terms: &Terms<'_>, length: u64) -> Instant {
        if let Some(sharing) = &mut self.sharing {
            sharing.advance(terms.now, self.busy, terms.rate);
        }
        self.busy = self.busy.max(terms.now) + takes(length, terms.rate);
        self.busy
    }

    /// When a chunk arrives that has left. Code is not lost, as its transport sends again
    /// what is, so a chunk has the latency alone.
    fn cross(&mut self, terms: &Terms<'_>, left: Instant) -> Carriage {
        let chances = Chances {
            draws: terms.draws,
            n: self.chunks,
        };
        self.chunks += 1;
        let latency = chances.draw(Purpose::Chunk, &terms.model.latency);
        self.landed = self.landed.max(left + latency);
        Carriage {
            left,
            arrives: self.landed,
        }
    }

    /// Lets a chunk share the direction with others; when to ask who is done.
    pub(super) fn enter(&mut self, terms: &Terms<'_>, flow: u64, length: u64) -> Option<Instant> {
        self.bytes += length;
        let sharing = self.sharing.get_or_insert_default();
        sharing.advance(terms.now, self.busy, terms.rate);
        sharing.enter(flow, length);
        sharing.plan(terms.now, self.busy)
    }

    /// Who is done by now, and when to ask again.
    pub(super) fn finish(&mut self, terms: &Terms<'_>) -> Finished {
        let Some(sharing) = &mut self.sharing else {
            return Finished::default();
        };
        sharing.advance(terms.now, self.busy, terms.rate);
        let done = sharing.done();
        let ask = sharing.plan(terms.now, self.busy);
        let done = done
            .into_iter()
            .map(|flow| (flow, self.cross(terms, terms.now)))
            .collect();
        Finished { done, ask }
    }

    /// Gives up what a transfer has under way; when to ask who is done.
    pub(super) fn leave(&mut self, terms: &Terms<'_>, flow: u64) -> Option<Instant> {
        let sharing = self.sharing.as_mut()?;
        sharing.advance(terms.now, self.busy, terms.rate);
        sharing.leave(flow);
        sharing.plan(terms.now, self.busy)
    }
}

/// How long an edge of that rate is busy with so many bytes; rounded up, so that never
/// more leaves than the rate allows.
fn takes(length: u64, rate: Option<u64>) -> Duration {
    let Some(rate) = rate else {
        return Duration::ZERO;
    };
    let nanos = (u128::from(length) * 8 * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
