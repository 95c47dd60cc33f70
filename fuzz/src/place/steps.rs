//! What the bytes say is to happen next.

use std::time::Duration;

use waybook_agents::{Feed, Message, Ready, Refuse, SessionId, wire};
use waybook_place::io::{FetchFailure, Input, RequestId};
use waybook_plan::SolutionNumber;

use super::driver::Driver;
use super::honest::{honest, presentation, request};
use super::{NEIGHBOURS, name};

/// Bytes that are read from the front.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        let at = self.next()?;
        from.get(usize::from(at) % from.len().max(1))
    }
}

impl Driver {
    fn session(&self, bytes: &mut Bytes<'_>) -> Option<SessionId> {
        let known: Vec<_> = self.sessions.iter().copied().collect();
        bytes.pick(&known).copied()
    }

    pub(super) fn step(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let step = bytes.next()?;
        let neighbour = usize::from(step / 16) % 3;
        match step % 16 {
            0 => {
                let millis = u64::from(bytes.next()?) * 100;
                self.pass(self.now + Duration::from_millis(millis));
            }
            1 => {
                self.lives[neighbour] += u64::from(bytes.next()? % 2);
                self.link_up(neighbour);
            }
            2 => self.put(Input::LinkDown {
                neighbour: name(NEIGHBOURS[neighbour]),
            }),
            3 => {
                let length = usize::from(u16::from_le_bytes([bytes.next()?, bytes.next()?]));
                if let Ok(envelope) = wire::decode(bytes.take(length)) {
                    self.receive(neighbour, envelope.message);
                }
            }
            4 | 5 => {
                let (from, message) = bytes.pick(honest())?.clone();
                self.receive(from, message);
            }
            6 => {
                // The same from somebody else.
                let (_, message) = bytes.pick(honest())?.clone();
                self.receive(neighbour, message);
            }
            7 => {
                let session = self.session(bytes)?;
                let number = SolutionNumber(u16::from(bytes.next()? % 8));
                let feed = Feed { session, number };
                let message = match bytes.next()? % 10 {
                    0 => Message::VisitAck(feed),
                    1 => Message::Release(feed),
                    2 => Message::ReleaseAck(feed),
                    3 => Message::Confirm(feed),
                    4 => Message::ConfirmAck(feed),
                    5 => Message::Gone(feed),
                    6 => Message::Working(vec![feed]),
                    7 => Message::Refresh {
                        setups: vec![feed, feed],
                        established: Vec::new(),
                    },
                    8 => Message::Refresh {
                        setups: Vec::new(),
                        established: vec![feed],
                    },
                    _ => Message::Resync {
                        sessions: vec![feed],
                        first: number.0.is_multiple_of(2),
                        last: number.0.is_multiple_of(3),
                    },
                };
                self.receive(neighbour, message);
            }
            8 => {
                // An answer to what it has just said.
                let (to, message) = bytes.pick(&self.sent)?.clone();
                let choice = bytes.next()?;
                let Message::Visit(visit) = message else {
                    return Some(());
                };
                let (session, number) = (visit.agent.session(), visit.agent.number());
                let solutions = &visit.agent.plan().solutions;
                let other = solutions.get(usize::from(choice / 8)).map(|s| s.number);
                let answer = match choice % 4 {
                    0 => Message::VisitAck(Feed { session, number }),
                    1 => Message::Refuse(Refuse {
                        session,
                        number,
                        next: other,
                        refused: Vec::new(),
                    }),
                    _ => Message::Ready(Ready {
                        session,
                        number,
                        solution: other.unwrap_or(number),
                        journey: Vec::new(),
                        refused: Vec::new(),
                    }),
                };
                self.receive(to, answer);
            }
            9 => {
                let number = u64::from(bytes.next()? % 16);
                match neighbour {
                    0 | 1 => self.put(Input::Open(request(number))),
                    _ => self.put(Input::Cancel {
                        request: RequestId(number),
                    }),
                }
            }
            10 => {
                let session = self.session(bytes)?;
                self.put(match neighbour {
                    0 => Input::Claim { session },
                    1 => Input::Active { session },
                    _ => Input::Close { session },
                });
            }
            11 => match neighbour {
                0 => {
                    let title = "film".to_owned();
                    self.put(Input::Withdraw { title });
                }
                1 => self.put(Input::DryRun(request(u64::from(bytes.next()?)))),
                _ => {
                    let presentation = presentation("film");
                    self.put(Input::Publish { presentation });
                }
            },
            12 | 13 => {
                let instance = *bytes.pick(&self.started)?;
                if step % 16 == 12 {
                    let endpoint = "here".to_owned();
                    self.put(Input::ComponentUp { instance, endpoint });
                } else {
                    self.started.retain(|i| *i != instance);
                    let why = "it fell".to_owned();
                    self.put(Input::ComponentFailed { instance, why });
                }
            }
            14 => {
                let fetch = *bytes.pick(&self.fetching)?;
                let amount = bytes.next()?;
                self.put(match neighbour {
                    0 => Input::FetchProgress {
                        fetch,
                        bytes: u64::from(amount),
                    },
                    1 => Input::Fetched { fetch },
                    _ => Input::FetchFailed {
                        fetch,
                        failure: FetchFailure::Cut,
                    },
                });
                if neighbour > 0 {
                    self.fetching.retain(|f| *f != fetch);
                }
            }
            _ => {
                let (lives, sessions) = (self.lives, std::mem::take(&mut self.sessions));
                let records = std::mem::take(&mut self.records);
                *self = Self::begin(self.now, self.life + 1, records);
                self.lives = lives;
                self.sessions = sessions;
                self.check();
            }
        }
        Some(())
    }
}
