//! Surveys: what the places of a plan would say to it, for dry runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_agents::{Message, RefusalReason, SurveyStage};
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, Plan, Releases, Runtime, SolutionNumber};

use super::Place;
use super::local::judge;
use super::questions::{Answers, Question};
use super::resolve::Known;
use super::searches::Asker;
use super::timers::Timer;
use crate::Instant;
use crate::io::{OpenRequest, Output, RequestId, Survey};

impl Place {
    /// A client asks what an open would do.
    pub(super) fn dry_run(&mut self, now: Instant, request: OpenRequest, out: &mut Vec<Output>) {
        let title = request.title.clone();
        self.ask_for_servers(now, &title, Asker::DryRun(Box::new(request)), out);
    }

    pub(super) fn dry_run_with(
        &mut self,
        now: Instant,
        request: &OpenRequest,
        servers: &[KnownServer],
        releases: Known<'_>,
        out: &mut Vec<Output>,
    ) {
        let plan = match self.decide(request, servers, releases) {
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
        let releases = Arc::clone(&plan.releases);
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
                    let releases = Arc::clone(&releases);
                    self.send(
                        &next,
                        Message::Survey {
                            id,
                            origin,
                            target,
                            stages,
                            releases,
                        },
                        out,
                    );
                }
                None => {
                    let answers = self.survey_here(&stages, &releases);
                    self.survey_answered(id, &origin, answers, out);
                }
            }
        }
    }

    /// What this place would say to those stages now.
    fn survey_here(&mut self, stages: &[SurveyStage], releases: &Releases) -> Answers {
        let mut judge = |stage: &SurveyStage| {
            let mut components = stage.components.iter();
            let code = components.find(|c| c.runtime == Runtime::Wasm);
            let judged = judge(
                &self.config,
                &self.links,
                &mut self.verified,
                releases,
                &self.withholding.what,
                &stage.demand,
                &stage.components,
                stage.next.as_ref(),
                code.map(|c| c.name.as_str()),
            );
            let capacity = &self.config.capacity;
            let lack = self.ledger.lack(capacity, &stage.demand);
            let lack = || lack.map(RefusalReason::Lacking);
            judged.err().or_else(lack)
        };
        let stages = stages.iter();
        stages.map(|stage| (stage.solution, judge(stage))).collect()
    }

    /// A survey passes, or has arrived.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    pub(super) fn survey(
        &mut self,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        target: PlaceName,
        stages: Vec<SurveyStage>,
        releases: Arc<Releases>,
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
                        releases,
                    },
                    out,
                );
            }
            Some(_) => self.counters.refused_messages += 1,
            None if target == here => {
                let answers = self.survey_here(&stages, &releases);
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
        }) = self.questions.remove(id)
        {
            tell_survey(request, plan, &answers, out);
        }
    }
}

pub(super) fn tell_survey(
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
