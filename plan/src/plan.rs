//! The plan: what a plan visitor carries out.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use crate::{Component, Demand, Releases, Runtime, WhenCut};

/// The place of a solution in its plan's order of preference, counted from 1.
///
/// It numbers the visits of a set-up too: a visit carries the number of the solution
/// that it was sent with. Zero means *before the first*.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SolutionNumber(pub u16);

impl SolutionNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SolutionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One place's share of a solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Where.
    pub place: PlaceName,
    /// What to book there. Bandwidth is already that of the place's own edge, as
    /// [`Resource::DOWN`](crate::Resource::DOWN) and [`UP`](crate::Resource::UP).
    pub demand: Demand,
    /// The components to configure there, from the client's side to the server's.
    pub components: Vec<Component>,
}

/// One quality level on one service path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// Its place in the order of preference.
    pub number: SolutionNumber,
    /// The name of the quality level.
    pub quality: String,
    /// The stages from the client's place to the server's, neighbour by neighbour.
    pub stages: Vec<Stage>,
    /// What becomes of a session with this solution while its path is cut, as the server's
    /// presentation says. It travels beside the plan, as [`Plan::releases`] do.
    #[serde(skip)]
    pub when_cut: WhenCut,
}

impl Solution {
    /// The stage at a hop, counted from 0 at the client's place.
    #[must_use]
    pub fn stage(&self, hop: usize) -> Option<&Stage> {
        self.stages.get(hop)
    }

    /// The place of a hop.
    #[must_use]
    pub fn place(&self, hop: usize) -> Option<&PlaceName> {
        self.stages.get(hop).map(|s| &s.place)
    }

    /// The server's place.
    ///
    /// # Panics
    /// If there is no stage, which [`Plan::check`] rules out.
    #[must_use]
    pub fn server(&self) -> &PlaceName {
        &self.stages[self.stages.len() - 1].place
    }

    /// Whether what `self` holds at a hop is enough for `other` there, so that a
    /// visitor further on may go on with `other` without coming back: the same place,
    /// the same onward place, the same components, and no demand greater.
    #[must_use]
    pub fn covers(&self, hop: usize, other: &Self) -> bool {
        match (self.stage(hop), other.stage(hop)) {
            (Some(held), Some(needed)) => {
                held.place == needed.place
                    && self.place(hop + 1) == other.place(hop + 1)
                    && held.components == needed.components
                    && held.demand.covers(&needed.demand)
            }
            _ => false,
        }
    }
}

/// Solutions in strict order of preference, for one session.
///
/// A plan that travels carries only the solutions that can still matter; numbers stay
/// what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The title asked for.
    pub title: String,
    /// The solutions, by ascending number. Shared, because every hop of a set-up and
    /// every message about it refers to the same ones.
    pub solutions: Vec<Arc<Solution>>,
    /// What the components that are brought along stand for. It travels beside the plan,
    /// in a block of its own (see the wire format), because plans had none at first.
    #[serde(skip)]
    pub releases: Arc<Releases>,
}

/// Why a plan that arrived is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no solution in it.
    #[error("the plan has no solution")]
    Empty,
    /// Numbers start at 0 or do not ascend.
    #[error("solution {0} is out of order")]
    Order(SolutionNumber),
    /// A solution has no stage.
    #[error("solution {0} has no stage")]
    NoStage(SolutionNumber),
    /// Solutions start at different places.
    #[error("solution {0} starts at another client's place")]
    OtherClient(SolutionNumber),
    /// The stages are not the path of the tree between their ends.
    #[error("solution {0} does not follow the tree")]
    NotAPath(SolutionNumber),
    /// A component to be brought along stands for no release of the plan.
    #[error("solution {0} needs `{1}`, which the plan has no release of")]
    NoRelease(SolutionNumber, String),
    /// A release is not acceptable.
    #[error("a release: {0}")]
    Release(#[from] crate::ReleaseError),
}

/// What walks through a plan, solution by solution: the pattern *Visitor*, in which
/// the plan knows its own order and the visitor knows what to do.
pub trait Visitor {
    /// Visits one solution; [`ControlFlow::Break`] ends the walk there.
    fn visit(&mut self, solution: &Arc<Solution>) -> ControlFlow<()>;
}

impl Plan {
    /// Lets a visitor execute the plan: it visits the solutions in order of preference,
    /// beginning with number `from`, until it breaks off or none is left.
    pub fn accept(&self, from: SolutionNumber, visitor: &mut impl Visitor) -> ControlFlow<()> {
        let first = self.solutions.partition_point(|s| s.number < from);
        self.solutions[first..]
            .iter()
            .try_for_each(|s| visitor.visit(s))
    }

    /// The solution with that number.
    #[must_use]
    pub fn solution(&self, number: SolutionNumber) -> Option<&Arc<Solution>> {
        self.solutions
            .binary_search_by_key(&number, |s| s.number)
            .ok()
            .map(|at| &self.solutions[at])
    }

    /// The client's place.
    ///
    /// # Panics
    /// If there is no solution, which [`Plan::check`] rules out.
    #[must_use]
    pub fn client(&self) -> &PlaceName {
        &self.solutions[0].stages[0].place
    }

    /// Checks what every plan promises: ascending numbers from 1, one client, stages
    /// that follow the tree from the client's place to the server's, and a release for
    /// every component that is brought along. A plan from elsewhere is untrusted until it
    /// has passed.
    ///
    /// # Errors
    /// [`PlanError`] names the first solution that breaks a promise.
    pub fn check(&self) -> Result<(), PlanError> {
        self.releases.check()?;
        let first = self.solutions.first().ok_or(PlanError::Empty)?;
        let client = first.place(0).ok_or(PlanError::NoStage(first.number))?;
        let mut last = SolutionNumber(0);
        for solution in &self.solutions {
            let number = solution.number;
            if number <= last {
                return Err(PlanError::Order(number));
            }
            last = number;
            let start = solution.place(0).ok_or(PlanError::NoStage(number))?;
            if start != client {
                return Err(PlanError::OtherClient(number));
            }
            if !PlaceName::are_path(solution.stages.iter().map(|s| &s.place)) {
                return Err(PlanError::NotAPath(number));
            }
            let mut components = solution.stages.iter().flat_map(|s| &s.components);
            let lacking = components
                .find(|c| c.runtime == Runtime::Wasm && self.releases.get(&c.name).is_none());
            if let Some(component) = lacking {
                return Err(PlanError::NoRelease(number, component.name.clone()));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    /// For people, a line for every stage:
    ///
    /// ```text
    /// plan for `film`, 1 solution
    /// 1. high from core/bologna/media, 2 hops
    ///      core/bologna/anna   book down 4 Mbit/s
    ///      core/bologna        book nothing
    ///      core/bologna/media  book cpu 250m, up 4 Mbit/s; run files
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Printer<'a, 'b>(&'a mut fmt::Formatter<'b>, fmt::Result);
        impl Visitor for Printer<'_, '_> {
            fn visit(&mut self, solution: &Arc<Solution>) -> ControlFlow<()> {
                self.1 = write_solution(self.0, solution);
                if self.1.is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }
        }
        let count = self.solutions.len();
        writeln!(
            f,
            "plan for `{}`, {}",
            self.title,
            counted(count, "solution")
        )?;
        let mut printer = Printer(f, Ok(()));
        let _ = self.accept(SolutionNumber(0), &mut printer);
        printer.1
    }
}

fn write_solution(f: &mut fmt::Formatter<'_>, solution: &Solution) -> fmt::Result {
    write!(f, "{}. {}", solution.number, solution.quality)?;
    // A plan that has not been checked may have no stage, and can still be printed.
    let Some(server) = solution.stages.last() else {
        return writeln!(f, ", without a stage");
    };
    let hops = counted(solution.stages.len() - 1, "hop");
    writeln!(f, " from {}, {hops}", server.place)?;
    let places = solution.stages.iter().map(|s| s.place.as_str().len());
    let width = places.max().unwrap_or(0);
    for stage in &solution.stages {
        write!(f, "     {:width$}  book {}", stage.place, stage.demand)?;
        for (at, component) in stage.components.iter().enumerate() {
            write!(f, "{}{component}", if at == 0 { "; run " } else { ", " })?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// `1 hop`, `2 hops`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
