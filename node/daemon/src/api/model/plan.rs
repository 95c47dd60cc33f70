//! Plans, and why a solution was refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_agents::{Lack, Refusal, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_place::io::Survey;
use waybook_plan::{Plan, Solution, SolutionNumber};

use super::{Amount, Quantity, amounts};

/// One quality level on one service path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SolutionInfo {
    /// Its place in the order of preference, counted from 1.
    pub number: u16,
    /// The quality level's name.
    pub quality: String,
    /// The server's place.
    pub server: String,
    /// Every place from the client's to the server's, with its share.
    pub stages: Vec<StageInfo>,
}

/// One place's share of a solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageInfo {
    /// Where.
    pub place: String,
    /// What to book there.
    pub demand: Vec<Amount>,
    /// The components to run there, by name.
    pub components: Vec<String>,
}

impl From<&Solution> for SolutionInfo {
    fn from(solution: &Solution) -> Self {
        let stage = |stage: &waybook_plan::Stage| StageInfo {
            place: stage.place.to_string(),
            demand: amounts(&stage.demand),
            components: stage.components.iter().map(|c| c.name.clone()).collect(),
        };
        Self {
            number: solution.number.0,
            quality: solution.quality.clone(),
            server: solution.server().to_string(),
            stages: solution.stages.iter().map(stage).collect(),
        }
    }
}

/// The solutions of a plan.
#[must_use]
pub(crate) fn solutions(plan: &Plan) -> Vec<SolutionInfo> {
    plan.solutions.iter().map(|s| s.as_ref().into()).collect()
}

/// A solution refused at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalInfo {
    /// The solution's number.
    pub solution: u16,
    /// The solution's quality level, where the plan is known.
    pub quality: Option<String>,
    /// Where it was refused.
    pub place: String,
    /// The kind of reason: `lacking`, `component-unavailable`, `component-failed`,
    /// `unreachable`, `no-answer`, `lost`, `deadline`, `restarting`, `limit`, `protocol`,
    /// `released` or `not-tried`.
    #[schema(example = "lacking")]
    pub kind: String,
    /// The reason for people.
    pub text: String,
    /// What would have to change, in a sentence.
    pub remedy: String,
    /// What lacked, for the kind `lacking`.
    pub lack: Option<LackInfo>,
    /// The component, for the kinds that name one.
    pub component: Option<String>,
    /// The next place, for the kinds that name one.
    pub next: Option<String>,
}

impl RefusalInfo {
    /// A refusal, with the name of its quality level if the plan is at hand.
    #[must_use]
    pub fn new(refusal: &Refusal, plan: Option<&Plan>) -> Self {
        Self::of(refusal.solution, &refusal.place, &refusal.reason, plan)
    }

    fn of(
        solution: SolutionNumber,
        place: &PlaceName,
        reason: &RefusalReason,
        plan: Option<&Plan>,
    ) -> Self {
        use RefusalReason as Reason;
        let mut info = Self {
            solution: solution.0,
            quality: plan.and_then(|p| Some(p.solution(solution)?.quality.clone())),
            place: place.to_string(),
            kind: String::new(),
            text: reason.to_string(),
            remedy: reason.remedy(),
            lack: None,
            component: None,
            next: None,
        };
        info.kind = match reason {
            Reason::Lacking(lack) => {
                info.lack = Some(lack.into());
                "lacking"
            }
            Reason::ComponentUnavailable { component, .. } => {
                info.component = Some(component.clone());
                "component-unavailable"
            }
            Reason::ComponentFailed { component, .. } => {
                info.component = Some(component.clone());
                "component-failed"
            }
            Reason::Unreachable { next } => {
                info.next = Some(next.to_string());
                "unreachable"
            }
            Reason::NoAnswer { next } => {
                info.next = Some(next.to_string());
                "no-answer"
            }
            Reason::Lost { next } => {
                info.next = Some(next.to_string());
                "lost"
            }
            Reason::Deadline => "deadline",
            Reason::Restarting => "restarting",
            Reason::Limit { .. } => "limit",
            Reason::Protocol { .. } => "protocol",
            Reason::Released => "released",
            Reason::NotTried => "not-tried",
            Reason::Drained => "drained",
            Reason::Cordoned { .. } => "cordoned",
        }
        .to_owned();
        info
    }
}

/// A resource that did not suffice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LackInfo {
    /// The kind.
    pub resource: String,
    /// How much was missing.
    pub missing: Quantity,
    /// How much the solution needs.
    pub wanted: Quantity,
    /// How much it could have had.
    pub free: Quantity,
    /// What the place has in all.
    pub capacity: Quantity,
    /// Booked by established sessions.
    pub established: Quantity,
    /// Held by other set-ups under way.
    pub held_by_others: Quantity,
    /// Whether it would have sufficed had no other set-up been under way.
    pub holds_stood_in_the_way: bool,
}

impl From<&Lack> for LackInfo {
    fn from(lack: &Lack) -> Self {
        let of = |amount| Quantity::of(&lack.resource, amount);
        Self {
            resource: lack.resource.to_string(),
            missing: of(lack.missing()),
            wanted: of(lack.wanted),
            free: of(lack.free),
            capacity: of(lack.capacity),
            established: of(lack.established),
            held_by_others: of(lack.held_by_others),
            holds_stood_in_the_way: lack.holds_stood_in_the_way(),
        }
    }
}

/// What an open would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SurveyInfo {
    /// The title asked for.
    pub title: String,
    /// The plan, in order of preference.
    pub solutions: Vec<SolutionInfo>,
    /// The solution that an open would be given as things stand.
    pub chosen: Option<u16>,
    /// What each place says.
    pub places: Vec<SurveyedPlace>,
}

/// What a place says to the solutions that lead through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SurveyedPlace {
    /// The place.
    pub place: String,
    /// Its answers; none if it did not answer in time.
    pub answers: Vec<AnswerInfo>,
}

/// What a place says to one solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerInfo {
    /// The solution's number.
    pub solution: u16,
    /// Why it would be refused; none if it would not.
    pub refusal: Option<RefusalInfo>,
}

impl From<&Survey> for SurveyInfo {
    fn from(survey: &Survey) -> Self {
        let plan = &survey.plan;
        let place = |(place, answers): &(PlaceName, Vec<_>)| SurveyedPlace {
            place: place.to_string(),
            answers: answers
                .iter()
                .map(
                    |(solution, reason): &(SolutionNumber, Option<RefusalReason>)| AnswerInfo {
                        solution: solution.0,
                        refusal: reason
                            .as_ref()
                            .map(|reason| RefusalInfo::of(*solution, place, reason, Some(plan))),
                    },
                )
                .collect(),
        };
        Self {
            title: plan.title.clone(),
            solutions: solutions(plan),
            chosen: survey.chosen.map(|n| n.0),
            places: survey.places.iter().map(place).collect(),
        }
    }
}
