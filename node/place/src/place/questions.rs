//! Questions that other places answer: searches for servers, and those that `resolve` and
//! `surveys` ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_agents::{Message, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_plan::{Plan, Release, SolutionNumber};

use super::Place;
use super::answers::Answered;
use super::climbing::Crowded;
use super::resolve::CodeAsker;
use super::searches::Search;
use super::surveys::tell_survey;
use super::timers::Timer;
use crate::Instant;
use crate::io::{Output, RequestId};
use crate::lazy::Empty;

/// What a place says of the stages that it was asked about.
pub(super) type Answers = Vec<(SolutionNumber, Option<RefusalReason>)>;

#[derive(Debug, Clone)]
pub(super) enum Question {
    Servers(Search),
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
    /// The searches that set-ups share, by title.
    pub(super) searches: BTreeMap<String, u64>,
    pub(super) answered: Answered,
}

impl Empty for Questions {
    const EMPTY: &'static Self = &Self {
        next: 0,
        open: BTreeMap::new(),
        searches: BTreeMap::new(),
        answered: Answered::new(),
    };
}

impl Questions {
    pub(super) fn add(&mut self, question: Question) -> u64 {
        self.next += 1;
        self.open.insert(self.next, question);
        self.next
    }

    /// One is answered, or no longer asked.
    pub(super) fn remove(&mut self, id: u64) -> Option<Question> {
        let question = self.open.remove(&id)?;
        if let Question::Servers(search) = &question
            && self.searches.get(&search.title) == Some(&id)
        {
            self.searches.remove(&search.title);
        }
        Some(question)
    }
}

impl Place {
    /// Its turn would hardly come: nobody is asked.
    pub(super) fn question_crowded(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        let Some(question) = self.questions.remove(id) else {
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
            Some(Question::Servers(search)) => Message::Search {
                id,
                origin,
                title: search.title.clone(),
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
        self.give_up_searching(now, id, out);
        let until = match self.questions.open.get(&id) {
            Some(Question::Servers(search)) => Some(search.next_end()),
            Some(Question::Releases { until, .. }) => Some(*until),
            Some(Question::Survey { .. }) | None => None,
        };
        if let Some(until) = until.filter(|until| now < *until) {
            // If it has no turn now, it may have one next time.
            let _ = self.put_question(now, id, until, out);
            return;
        }
        if let Some(question) = self.questions.remove(id) {
            let asked = (self.config.name.clone(), id);
            self.climb_no_longer(now, &asked, out);
            let why = self.parent_is_silent();
            self.unanswered(now, question, &why, out);
        }
    }

    /// Why a question is given up.
    pub(super) fn parent_is_silent(&self) -> String {
        let parent = self.parent.as_ref().map(PlaceName::as_str);
        format!("{} did not answer in time", parent.unwrap_or_default())
    }

    /// A question will not be answered: goes on with what is known.
    fn unanswered(&mut self, now: Instant, question: Question, why: &str, out: &mut Vec<Output>) {
        self.counters.unanswered += 1;
        match question {
            Question::Servers(search) => self.search_unanswered(now, search, why, out),
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
