//! What a run shows when a rule is broken.

use std::sync::Arc;

use waybook_plan::{DecisionMaker, Nearest, NoPlan, Plan, Question};
use waybook_sim::Strategies;
use waybook_sim::results::Nowhere;
use waybook_sim::run::{RunError, execute};
use waybook_sim::scenario::Scenario;

use super::{STAR, no_files};

/// Has the server's place twice, which is no path of the tree.
struct Stutters;

impl DecisionMaker for Stutters {
    fn name(&self) -> &'static str {
        "stutters"
    }

    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
        let mut plan = Nearest.decide(question)?;
        for solution in &mut plan.solutions {
            let stages = &mut Arc::make_mut(solution).stages;
            stages.extend(stages.last().cloned());
        }
        Ok(plan)
    }
}

/// It is repeated with a transcript, as nobody had written one.
#[test]
fn a_violation_comes_with_its_seed_and_what_came_before_it() {
    let text = STAR.replace("[run]", "[run]\ndecode = true").replace(
        "[edges]",
        "[protocol]\ndecision-maker = \"stutters\"\n\n[edges]",
    );
    let strategies = Strategies::default().with_decision_maker(Stutters);
    let scenario = Scenario::with_strategies(&text, Arc::new(strategies));
    let scenario = scenario.unwrap_or_else(|e| panic!("{e}"));
    let said = execute(&scenario, 7, &mut no_files, &mut Nowhere, |_| {});
    let Err(RunError::Violation(violation)) = said else {
        panic!("{said:?}");
    };
    assert_eq!(violation.seed, 7);
    let what = &violation.what;
    assert!(what.contains("root cannot read"), "{what}");
    assert!(what.contains("follow the tree"), "{what}");
    assert!(violation.tail.contains("visit"), "{violation}");
}
