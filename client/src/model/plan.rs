//! Plans, and why a solution was refused.

use serde::{Deserialize, Serialize};

use super::{Amount, Quantity};

/// One quality level on one service path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInfo {
    /// Where.
    pub place: String,
    /// What to book there.
    pub demand: Vec<Amount>,
    /// The components to run there, by name.
    pub components: Vec<String>,
}

/// A solution refused at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A resource that did not suffice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What an open would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyedPlace {
    /// The place.
    pub place: String,
    /// Its answers; none if it did not answer in time.
    pub answers: Vec<AnswerInfo>,
}

/// What a place says to one solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerInfo {
    /// The solution's number.
    pub solution: u16,
    /// Why it would be refused; none if it would not.
    pub refusal: Option<RefusalInfo>,
}
