//! Searches for the servers of a title, at whoever asks and on their way up the tree.

use waybook_agents::Message;
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, NoPlan};

use super::Place;
use super::questions::Question;
use super::resolve::{CodeAsker, references};
use super::timers::Timer;
use crate::Instant;
use crate::io::{OpenRequest, Output, RequestId};

/// Most servers that a search is answered with, whatever it asks for: the greatest
/// number that a place may be configured to plan with.
const MOST_SERVERS: u16 = 64;

/// Who wants to know which servers there are.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    Open(RequestId),
    DryRun(Box<OpenRequest>),
}

/// A search that has not been answered yet.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) title: String,
    /// Who waits for the answer, and until when. Who came first is first, and gives up first.
    askers: Vec<(Asker, Instant)>,
    /// So many of them came before it began.
    earlier: usize,
    /// When it is no longer asked.
    until: Instant,
}

impl Search {
    /// When the next one gives up, or it is no longer asked.
    pub(super) fn next_end(&self) -> Instant {
        self.askers.first().map_or(self.until, |(_, until)| *until)
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
        let until = now + self.config.timing.question;
        // Whoever asks what an open would do is told what is so now.
        if matches!(asker, Asker::Open(_)) {
            if let Some(servers) = self.answered_lately(now, title) {
                return self.servers_known(now, asker, &servers, out);
            }
            if let Some(id) = self.questions.searches.get(title).copied()
                && let Some(Question::Servers(search)) = self.questions.open.get_mut(&id)
            {
                search.askers.push((asker, until));
                search.until = until;
                return self.go_on_if_late(now, id, out);
            }
        }
        let most = self.config.limits.questions;
        if self.questions.open.len() >= most {
            let why = format!("limit `questions` = {most} is reached");
            return self.servers_unanswered(now, title, asker, &why, out);
        }
        self.begin_search(now, title.to_owned(), vec![(asker, until)], out);
    }

    fn begin_search(
        &mut self,
        now: Instant,
        title: String,
        askers: Vec<(Asker, Instant)>,
        out: &mut Vec<Output>,
    ) {
        let Some((last, until)) = askers.last() else {
            return;
        };
        let until = *until;
        let is_shared = matches!(last, Asker::Open(_)) && !self.config.timing.search_age.is_zero();
        let shared = is_shared.then(|| title.clone());
        let search = Search {
            title,
            earlier: askers.len(),
            askers,
            until,
        };
        let first = search.next_end();
        let id = self.questions.add(Question::Servers(search));
        if let Some(title) = shared {
            self.questions.searches.insert(title, id);
        }
        match self.put_question(now, id, first, out) {
            Ok(()) => self.go_on_if_late(now, id, out),
            Err(_) => self.question_crowded(now, id, out),
        }
    }

    /// Where a search has to wait for its turn, whoever can plan with an older answer does not wait for
    /// it. The search goes on, for those who come later.
    fn go_on_if_late(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        if !self.climbing.is_waiting(&(self.config.name.clone(), id)) {
            return;
        }
        let Some(Question::Servers(search)) = self.questions.open.get(&id) else {
            return;
        };
        let Some(servers) = self.answered_before(now, &search.title) else {
            return;
        };
        if let Some(Question::Servers(search)) = self.questions.open.get_mut(&id) {
            search.earlier = 0;
            for (asker, _) in std::mem::take(&mut search.askers) {
                self.servers_known(now, asker, &servers, out);
            }
        }
    }

    /// Those give up who have waited for long enough, while others still do.
    pub(super) fn give_up_searching(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        let Some(Question::Servers(search)) = self.questions.open.get_mut(&id) else {
            return;
        };
        if now >= search.until {
            return;
        }
        let over = search.askers.iter().take_while(|(_, until)| *until <= now);
        let over = over.count();
        search.earlier = search.earlier.saturating_sub(over);
        let title = search.title.clone();
        let over: Vec<_> = search.askers.drain(..over).collect();
        for (asker, _) in over {
            let why = self.parent_is_silent();
            self.servers_unanswered(now, &title, asker, &why, out);
        }
    }

    /// Nobody answers a search.
    pub(super) fn search_unanswered(
        &mut self,
        now: Instant,
        search: Search,
        why: &str,
        out: &mut Vec<Output>,
    ) {
        for (asker, _) in search.askers {
            self.servers_unanswered(now, &search.title, asker, why, out);
        }
    }

    /// Nobody says which servers there are: goes on with those that are known here, or were
    /// known lately.
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
            Asker::Open(id) => match self.answered_before(now, title) {
                Some(servers) => self.servers_known(now, Asker::Open(id), &servers, out),
                None => self.no_plan(id, no, out),
            },
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
        if !matches!(self.questions.open.get(&id), Some(Question::Servers(_))) {
            self.counters.fenced += 1;
            return;
        }
        self.timers.cancel(&Timer::Question(id));
        let Some(Question::Servers(search)) = self.questions.remove(id) else {
            return;
        };
        let Search {
            title,
            mut askers,
            earlier,
            ..
        } = search;
        // No more than were asked for are kept, whatever came.
        let sound: Vec<_> = servers
            .into_iter()
            .filter(|s| s.presentation.check().is_ok())
            .take(self.config.servers_per_plan)
            .collect();
        self.keep_answer(now, &title, &sound);
        // Whoever has come since may know of one that was published since.
        let later = match sound.is_empty() {
            true => askers.split_off(earlier.min(askers.len())),
            false => Vec::new(),
        };
        for (asker, _) in askers {
            self.servers_known(now, asker, &sound, out);
        }
        self.begin_search(now, title, later, out);
    }
}
