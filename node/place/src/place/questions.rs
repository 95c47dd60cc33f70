//! Questions that other places answer: searches for servers, and surveys for dry runs.

use std::collections::BTreeMap;

use waybook_agents::{Message, RefusalReason, SurveyStage};
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, Plan, SolutionNumber};

use super::Place;
use super::local::judge;
use super::timers::Timer;
use crate::Instant;
use crate::io::{OpenRequest, Output, RequestId, Survey};

/// What a place says of the stages that it was asked about.
type Answers = Vec<(SolutionNumber, Option<RefusalReason>)>;

/// Who wants to know which servers there are.
#[derive(Debug)]
pub(super) enum Asker {
    Open(RequestId),
    DryRun(Box<OpenRequest>),
}

#[derive(Debug)]
enum Question {
    Servers {
        title: String,
        asker: Asker,
    },
    Survey {
        request: RequestId,
        plan: Plan,
        answers: BTreeMap<PlaceName, Option<Answers>>,
    },
}

/// The questions that have not been answered yet.
#[derive(Debug, Default)]
pub(super) struct Questions {
    next: u64,
    open: BTreeMap<u64, Question>,
}

impl Questions {
    fn add(&mut self, question: Question) -> u64 {
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
        let parent = here.parent().filter(|parent| self.links.is_up(parent));
        let full = self.questions.open.len() >= self.config.limits.questions;
        match parent {
            Some(parent) if !enough && !full => {
                let title = title.to_owned();
                let id = self.questions.add(Question::Servers {
                    title: title.clone(),
                    asker,
                });
                self.timers
                    .set(Timer::Question(id), now + self.config.timing.question);
                let most = u16::try_from(most).unwrap_or(u16::MAX);
                self.send(
                    &parent,
                    Message::Search {
                        id,
                        origin: here,
                        title,
                        most,
                    },
                    out,
                );
            }
            // Cut off from the rest, a place serves with what it knows.
            _ => self.servers_known(now, asker, &servers, out),
        }
    }

    fn servers_known(
        &mut self,
        now: Instant,
        asker: Asker,
        servers: &[KnownServer],
        out: &mut Vec<Output>,
    ) {
        match asker {
            Asker::Open(id) => self.open_with(now, id, servers, out),
            Asker::DryRun(request) => self.dry_run_with(now, &request, servers, out),
        }
    }

    /// A search has climbed to here.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    pub(super) fn search(
        &mut self,
        _now: Instant,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        title: String,
        most: u16,
        out: &mut Vec<Output>,
    ) {
        // Searches only climb, so they come from the child that the asker is below.
        if self.config.name.next_hop(&origin).as_ref() != Some(from)
            || !self.config.name.contains(from)
        {
            self.counters.refused_messages += 1;
            return;
        }
        let (servers, enough) = self.nearest_servers(&origin, &title, usize::from(most));
        match self
            .config
            .name
            .parent()
            .filter(|parent| self.links.is_up(parent))
        {
            Some(parent) if !enough => {
                self.send(
                    &parent,
                    Message::Search {
                        id,
                        origin,
                        title,
                        most,
                    },
                    out,
                );
            }
            _ => self.send(
                from,
                Message::Found {
                    id,
                    origin,
                    servers,
                },
                out,
            ),
        }
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
        if self.config.name.parent().as_ref() != Some(from) || !self.config.name.contains(&origin) {
            self.counters.refused_messages += 1;
            return;
        }
        if let Some(next) = self.config.name.next_hop(&origin) {
            return self.send(
                &next,
                Message::Found {
                    id,
                    origin,
                    servers,
                },
                out,
            );
        }
        if !matches!(self.questions.open.get(&id), Some(Question::Servers { .. })) {
            self.counters.fenced += 1;
            return;
        }
        self.timers.cancel(&Timer::Question(id));
        let Some(Question::Servers { asker, .. }) = self.questions.open.remove(&id) else {
            return;
        };
        let sound: Vec<_> = servers
            .into_iter()
            .filter(|s| s.presentation.check().is_ok())
            .collect();
        self.servers_known(now, asker, &sound, out);
    }

    /// A question has not been answered in time: go on with what is known.
    pub(super) fn question_timer(&mut self, now: Instant, id: u64, out: &mut Vec<Output>) {
        match self.questions.open.remove(&id) {
            Some(Question::Servers { title, asker }) => {
                let here = self.config.name.clone();
                let most = self.config.servers_per_plan;
                let (servers, _) = self.nearest_servers(&here, &title, most);
                self.servers_known(now, asker, &servers, out);
            }
            Some(Question::Survey {
                request,
                plan,
                answers,
            }) => {
                tell_survey(request, plan, &answers, out);
            }
            None => {}
        }
    }

    /// A client asks what an open would do.
    pub(super) fn dry_run(&mut self, now: Instant, request: OpenRequest, out: &mut Vec<Output>) {
        let title = request.title.clone();
        self.ask_for_servers(now, &title, Asker::DryRun(Box::new(request)), out);
    }

    fn dry_run_with(
        &mut self,
        now: Instant,
        request: &OpenRequest,
        servers: &[KnownServer],
        out: &mut Vec<Output>,
    ) {
        let plan = match self.decide(request, servers) {
            Ok(plan) => plan,
            Err(no) => {
                let (request, survey) = (request.request, Err(no));
                return out.push(Output::Surveyed { request, survey });
            }
        };
        let mut asked: BTreeMap<PlaceName, Vec<SurveyStage>> = BTreeMap::new();
        for solution in &plan.solutions {
            for (hop, stage) in solution.stages.iter().enumerate() {
                asked
                    .entry(stage.place.clone())
                    .or_default()
                    .push(SurveyStage {
                        solution: solution.number,
                        demand: stage.demand.clone(),
                        components: stage.components.clone(),
                        next: solution.place(hop + 1).cloned(),
                    });
            }
        }
        let answers = asked.keys().map(|place| (place.clone(), None)).collect();
        let request = request.request;
        if self.questions.open.len() >= self.config.limits.questions {
            return tell_survey(request, plan, &answers, out);
        }
        let id = self.questions.add(Question::Survey {
            request,
            plan,
            answers,
        });
        self.timers
            .set(Timer::Question(id), now + self.config.timing.question);
        let origin = self.config.name.clone();
        for (target, stages) in asked {
            match self.config.name.next_hop(&target) {
                Some(next) => {
                    let origin = origin.clone();
                    self.send(
                        &next,
                        Message::Survey {
                            id,
                            origin,
                            target,
                            stages,
                        },
                        out,
                    );
                }
                None => {
                    let answers = self.survey_here(&stages);
                    self.survey_answered(id, &origin, answers, out);
                }
            }
        }
    }

    /// What this place would say to those stages now.
    fn survey_here(&self, stages: &[SurveyStage]) -> Answers {
        let judge = |stage: &SurveyStage| {
            let judged = judge(
                &self.config,
                &self.links,
                &stage.components,
                stage.next.as_ref(),
            );
            let lack = || self.ledger.lack(&stage.demand).map(RefusalReason::Lacking);
            judged.err().or_else(lack)
        };
        stages
            .iter()
            .map(|stage| (stage.solution, judge(stage)))
            .collect()
    }

    /// A survey passes, or has arrived.
    pub(super) fn survey(
        &mut self,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        target: PlaceName,
        stages: Vec<SurveyStage>,
        out: &mut Vec<Output>,
    ) {
        let here = self.config.name.clone();
        if here.next_hop(&origin).as_ref() != Some(from)
            || stages.len() > self.config.limits.solutions
        {
            self.counters.refused_messages += 1;
            return;
        }
        match here.next_hop(&target) {
            Some(next) if next != *from => {
                self.send(
                    &next,
                    Message::Survey {
                        id,
                        origin,
                        target,
                        stages,
                    },
                    out,
                );
            }
            Some(_) => self.counters.refused_messages += 1,
            None if target == here => {
                let answers = self.survey_here(&stages);
                self.send(
                    from,
                    Message::Surveyed {
                        id,
                        origin,
                        place: here,
                        answers,
                    },
                    out,
                );
            }
            None => self.counters.refused_messages += 1,
        }
    }

    /// The answer to a survey passes, or has arrived.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    pub(super) fn surveyed(
        &mut self,
        _now: Instant,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        place: PlaceName,
        answers: Answers,
        out: &mut Vec<Output>,
    ) {
        let here = self.config.name.clone();
        if here.next_hop(&place).as_ref() != Some(from) {
            self.counters.refused_messages += 1;
            return;
        }
        match here.next_hop(&origin) {
            Some(next) if next != *from => {
                self.send(
                    &next,
                    Message::Surveyed {
                        id,
                        origin,
                        place,
                        answers,
                    },
                    out,
                );
            }
            None if origin == here => self.survey_answered(id, &place, answers, out),
            _ => self.counters.refused_messages += 1,
        }
    }

    fn survey_answered(
        &mut self,
        id: u64,
        place: &PlaceName,
        said: Answers,
        out: &mut Vec<Output>,
    ) {
        let Some(Question::Survey { answers, .. }) = self.questions.open.get_mut(&id) else {
            return;
        };
        if let Some(slot) = answers.get_mut(place) {
            *slot = Some(said);
        }
        if answers.values().any(Option::is_none) {
            return;
        }
        self.timers.cancel(&Timer::Question(id));
        if let Some(Question::Survey {
            request,
            plan,
            answers,
        }) = self.questions.open.remove(&id)
        {
            tell_survey(request, plan, &answers, out);
        }
    }
}

fn tell_survey(
    request: RequestId,
    plan: Plan,
    answers: &BTreeMap<PlaceName, Option<Answers>>,
    out: &mut Vec<Output>,
) {
    let agrees = |place: &PlaceName, solution: SolutionNumber| {
        let said = answers.get(place).and_then(Option::as_ref);
        said.is_some_and(|said| said.iter().any(|(s, r)| *s == solution && r.is_none()))
    };
    let chosen = plan
        .solutions
        .iter()
        .find(|s| s.stages.iter().all(|stage| agrees(&stage.place, s.number)))
        .map(|s| s.number);
    let places = answers
        .iter()
        .map(|(place, said)| (place.clone(), said.clone().unwrap_or_default()));
    let survey = Survey {
        places: places.collect(),
        chosen,
        plan,
    };
    out.push(Output::Surveyed {
        request,
        survey: Ok(survey),
    });
}
