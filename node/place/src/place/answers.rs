//! What searches were answered lately: most sessions of a place are for a few titles, and where those are
//! changes seldom.

use std::collections::BTreeMap;

use waybook_plan::KnownServer;

use super::Place;
use crate::Instant;

/// Titles whose answers are kept.
const MOST: usize = 256;
/// How much longer than it counts as new an answer is kept for when nobody answers.
const STALE_AGES: u32 = 60;

/// The answers to this place's own searches that set-ups may still be planned with.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    by_title: BTreeMap<String, Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    servers: Vec<KnownServer>,
    until: Instant,
    /// What the index knew then.
    changes: u64,
}

impl Answered {
    pub(super) const fn new() -> Self {
        Self {
            by_title: BTreeMap::new(),
        }
    }
}

impl Place {
    /// The servers of a title, if a search was answered with them lately, and nothing that this
    /// place has heard itself since says otherwise.
    pub(super) fn answered_lately(&self, now: Instant, title: &str) -> Option<Vec<KnownServer>> {
        let answer = self.questions.answered.by_title.get(title)?;
        let is_so = now < answer.until && answer.changes == self.index.changes();
        is_so.then(|| answer.servers.clone())
    }

    /// The servers of a title, as a search was answered some time ago: better than none, where
    /// nobody answers now (compare `stale-if-error`, RFC 5861, section 4).
    pub(super) fn answered_before(&self, now: Instant, title: &str) -> Option<Vec<KnownServer>> {
        let answer = self.questions.answered.by_title.get(title)?;
        let still = self.config.timing.search_age * STALE_AGES;
        (now < answer.until + still).then(|| answer.servers.clone())
    }

    /// Keeps what a search was answered with. That there is no server is not kept: who has just
    /// published wants to be found.
    pub(super) fn keep_answer(&mut self, now: Instant, title: &str, servers: &[KnownServer]) {
        let age = self.config.timing.search_age;
        if age.is_zero() {
            return;
        }
        if servers.is_empty() {
            if let Some(questions) = self.questions.made() {
                questions.answered.by_title.remove(title);
            }
            return;
        }
        let answer = Answer {
            servers: servers.to_vec(),
            until: now + age,
            changes: self.index.changes(),
        };
        let answers = &mut self.questions.answered.by_title;
        if answers.len() >= MOST && !answers.contains_key(title) {
            let oldest = answers.iter().min_by_key(|(_, answer)| answer.until);
            let oldest = oldest.map(|(title, _)| title.clone());
            oldest.map(|title| answers.remove(&title));
        }
        answers.insert(title.to_owned(), answer);
    }

    /// Something was otherwise than the answer said, or may be.
    pub(super) fn answer_is_old(&mut self, now: Instant, title: &str) {
        if let Some(questions) = self.questions.made()
            && let Some(answer) = questions.answered.by_title.get_mut(title)
        {
            answer.until = answer.until.min(now);
        }
    }
}
