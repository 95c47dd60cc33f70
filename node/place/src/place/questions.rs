//! Questions that other places answer: searches for servers, and those that `resolve` and
//! `surveys` ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_agents::{Message, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, NoPlan, Plan, Release, SolutionNumber};

use super::Place;
use super::answers::Answered;
use super::climbing::Crowded;
use super::resolve::{CodeAsker, references};
use super::surveys::tell_survey;
use super::timers::Timer;
use crate::Instant;
use crate::io::{OpenRequest, Output, RequestId};
use crate::lazy::Empty;

/// Most servers that a search is answered with, whatever it asks for: the greatest
/// number that a place may be configured to plan with.
const MOST_SERVERS: u16 = 64;

/// What a place says of the stages that it was asked about.
pub(super) type Answers = Vec<(SolutionNumber, Option<RefusalReason>)>;

/// Who wants to know which servers there are.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    Open(RequestId),
    DryRun(Box<OpenRequest>),
}

#[derive(Debug, Clone)]
pub(super) enum Question {
    Servers {
        title: String,
        asker: Asker,
        /// When it is no longer asked.
        until: Instant,
    },
    /// Which releases there are of what nothing here stands for, with what is known of
    /// the others.
    Releases {
        wanted: Vec<String>,
        known: Vec<Arc<Release>>,
        asker: CodeAsker,
        /// When it is no longer asked.
        until: Instant,
    },
    Survey {
        request: RequestId,
        plan: Plan,
        answers: BTreeMap<PlaceName, Option<Answers>>,
    },
}

/// The questions that have not been answered yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    next: u64,
    pub(super) open: BTreeMap<u64, Question>,
    pub(super) answered: Answered,
}

impl Empty for Questions {
    const EMPTY: &'static Self = &Self {
        next: 0,
        open: BTreeMap::new(),
        answered: Answered::new(),
    };
}

impl Questions {
    pub(super) fn add(&mut self, question: Question) -> u64 {
        self.next += 1;
        self.open.insert(self.next, question);
        self.next
    }
}

impl Place {
    /// Finds the nearest servers of a title: here, if enough of those known here cannot
    /// be farther than any unknown one, else further up the tree.
    pub(super) fn ask_for_servers(
        &mut self,
        now: Instant,
        title: &str,
        asker: Asker,
        out: &mut Vec<Output>,
    ) {
        let most = self.config.servers_per_plan;
        let here = self.config.name.clone();
        let (servers, enough) = self.nearest_servers(&here, title, most);
        let parent = self.parent.as_ref();
        if enough || !parent.is_some_and(|parent| self.links.is_up(parent)) {
            // Cut off from the rest, a place serves with what it knows.
            return self.servers_known(now, asker, &servers, out);
        }
        // Whoever asks what an open would do is told what is so now.
        if matches!(asker, Asker::Open(_))
            && let Some(servers) = self.answered_lately(now, title)
        {
            return self.servers_known(now, asker, &servers, out);
        }
        let most = self.config.limits.questions;
        if self.questions.open.len() >= most {
            let why = format!("limit `questions` = {most} is reached");
            return self.servers_unanswered(now, title, asker, &why, out);
        }
        let until = now + self.config.timing.question;
        let id = self.questions.add(Question::Servers {
            title: title.to_owned(),
            asker,
            until,
        });
        if self.put_question(now, id, until, out).is_err() {
            self.question_crowded(now, id, out);
        }
    }

    /// Its turn would hardly come: nobody is asked.
    pub(super) fn question_crowded(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        let Some(question) = self.questions.open.remove(&id) else {
            return;
        };
        self.timers.cancel(&Timer::Question(id));
        let parent = self.parent.as_ref().map(PlaceName::as_str);
        let parent = parent.unwrap_or_default();
        let window = self.climbing.window.size();
        let why =
            format!("{parent} is late with answers: no more than {window} may be under way to it");
        self.unanswered(now, question, &why, out);
    }

    /// Nobody says which servers there are: goes on with those that are known here.
    fn servers_unanswered(
        &mut self,
        now: Instant,
        title: &str,
        asker: Asker,
        why: &str,
        out: &mut Vec<Output>,
    ) {
        let here = self.config.name.clone();
        let (servers, _) = self.nearest_servers(&here, title, self.config.servers_per_plan);
        if !servers.is_empty() {
            return self.servers_known(now, asker, &servers, out);
        }
        let no = NoPlan::Unanswered {
            title: title.to_owned(),
            why: why.to_owned(),
        };
        match asker {
            Asker::Open(id) => self.no_plan(id, no, out),
            Asker::DryRun(request) => {
                let (request, survey) = (request.request, Err(no));
                out.push(Output::Surveyed { request, survey });
            }
        }
    }

    fn servers_known(
        &mut self,
        now: Instant,
        asker: Asker,
        servers: &[KnownServer],
        out: &mut Vec<Output>,
    ) {
        let wanted = references(servers);
        let servers = servers.to_vec();
        let asker = match asker {
            Asker::Open(id) => CodeAsker::Open(id, servers),
            Asker::DryRun(request) => CodeAsker::DryRun(request, servers),
        };
        self.ask_for_releases(now, wanted, asker, out);
    }

    /// A search has climbed to here.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    pub(super) fn search(
        &mut self,
        now: Instant,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        title: String,
        most: u16,
        out: &mut Vec<Output>,
    ) {
        // Searches only climb, so they come from the child that the asker is below.
        if !self.config.name.contains(from) || !from.contains(&origin) {
            self.counters.refused_messages += 1;
            return;
        }
        let most = most.min(MOST_SERVERS);
        let (servers, enough) = self.nearest_servers(&origin, &title, usize::from(most));
        let parent = self.parent.as_ref();
        if parent.is_some_and(|parent| self.links.is_up(parent)) && !enough {
            let asked = (origin.clone(), id);
            let message = Message::Search {
                id,
                origin,
                title,
                most,
            };
            // Who asks will do so again.
            let _ = self.climb(now, asked, message, out);
            return;
        }
        let message = Message::Found {
            id,
            origin,
            servers,
        };
        self.send(from, message, out);
    }

    /// The answer to a search comes down.
    pub(super) fn found(
        &mut self,
        now: Instant,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        servers: Vec<KnownServer>,
        out: &mut Vec<Output>,
    ) {
        if self.parent.as_ref() != Some(from) || !self.config.name.contains(&origin) {
            self.counters.refused_messages += 1;
            return;
        }
        self.climbed(now, &(origin.clone(), id), out);
        if origin != self.config.name {
            if let Some(next) = self.links.below(&self.config.name, &origin) {
                let message = Message::Found {
                    id,
                    origin,
                    servers,
                };
                self.send(next, message, out);
            }
            return;
        }
        if !matches!(self.questions.open.get(&id), Some(Question::Servers { .. })) {
            self.counters.fenced += 1;
            return;
        }
        self.timers.cancel(&Timer::Question(id));
        let Some(Question::Servers { title, asker, .. }) = self.questions.open.remove(&id) else {
            return;
        };
        // No more than were asked for are kept, whatever came.
        let sound: Vec<_> = servers
            .into_iter()
            .filter(|s| s.presentation.check().is_ok())
            .take(self.config.servers_per_plan)
            .collect();
        self.keep_answer(now, &title, &sound);
        self.servers_known(now, asker, &sound, out);
    }

    /// Puts a question to the parent, and will do so again until it is answered: any of
    /// its letters, or of the answer's, may be lost.
    ///
    /// # Errors
    /// If its turn would hardly come.
    pub(super) fn put_question(
        &mut self,
        now: Instant,
        id: u64,
        until: Instant,
        out: &mut Vec<Output>,
    ) -> Result<(), Crowded> {
        let origin = self.config.name.clone();
        let message = match self.questions.open.get(&id) {
            Some(Question::Servers { title, .. }) => Message::Search {
                id,
                origin,
                title: title.clone(),
                most: u16::try_from(self.config.servers_per_plan).unwrap_or(u16::MAX),
            },
            Some(Question::Releases { wanted, known, .. }) => Message::Resolve {
                id,
                origin,
                wanted: wanted.clone(),
                found: known.clone(),
            },
            Some(Question::Survey { .. }) | None => return Ok(()),
        };
        let asked = (self.config.name.clone(), id);
        let climbs = self.climb(now, asked, message, out);
        let again = self.jittered(now, self.config.timing.setup_refresh);
        let again = again.max(now + self.climbing.window.patience());
        self.timers.set(Timer::Question(id), again.min(until));
        climbs
    }

    /// A question has not been answered: ask again, or go on with what is known.
    pub(super) fn question_timer(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        if let Some(Question::Servers { until, .. } | Question::Releases { until, .. }) =
            self.questions.open.get(&id)
            && now < *until
        {
            let until = *until;
            // If it has no turn now, it may have one next time.
            let _ = self.put_question(now, id, until, out);
            return;
        }
        if let Some(question) = self.questions.open.remove(&id) {
            let asked = (self.config.name.clone(), id);
            self.climb_no_longer(now, &asked, out);
            let parent = self.parent.as_ref().map(PlaceName::as_str);
            let why = format!("{} did not answer in time", parent.unwrap_or_default());
            self.unanswered(now, question, &why, out);
        }
    }

    /// A question will not be answered: goes on with what is known.
    fn unanswered(&mut self, now: Instant, question: Question, why: &str, out: &mut Vec<Output>) {
        self.counters.unanswered += 1;
        match question {
            Question::Servers { title, asker, .. } => {
                self.servers_unanswered(now, &title, asker, why, out);
            }
            Question::Releases {
                wanted,
                known,
                asker,
                ..
            } => {
                self.releases_unanswered(now, asker, wanted, known, why, out);
            }
            Question::Survey {
                request,
                plan,
                answers,
            } => tell_survey(request, plan, &answers, out),
        }
    }
}
