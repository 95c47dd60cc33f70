//! Plans: what they promise, and how they read.

use std::ops::ControlFlow;
use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_plan::{
    Demand, Plan, PlanError, Resource, Solution, SolutionNumber, Stage, Visitor, WhenCut,
};

fn solution(number: u16, places: &str) -> Arc<Solution> {
    let stage = |place: &str| Stage {
        place: PlaceName::new(place).unwrap(),
        demand: Demand::none(),
        components: Vec::new(),
    };
    let stages = places.split_whitespace().map(stage).collect();
    Arc::new(Solution {
        number: SolutionNumber(number),
        quality: "high".to_owned(),
        stages,
        when_cut: WhenCut::default(),
    })
}

fn plan(solutions: &[(u16, &str)]) -> Plan {
    let solutions = solutions
        .iter()
        .map(|(number, places)| solution(*number, places))
        .collect();
    Plan {
        title: "film".to_owned(),
        solutions,
        releases: Arc::default(),
    }
}

/// Checks what a plan with these solutions is found to be.
#[track_caller]
fn check(solutions: &[(u16, &str)], wanted: &Result<(), PlanError>) {
    let plan = plan(solutions);
    assert_eq!(&plan.check(), wanted, "{plan}");
}

#[test]
fn a_plan_from_elsewhere_is_checked() {
    let n = SolutionNumber;
    check(&[(1, "r/a r r/b")], &Ok(()));
    check(&[(3, "r/a r r/b"), (7, "r/a")], &Ok(()));
    check(&[], &Err(PlanError::Empty));
    check(&[(0, "r")], &Err(PlanError::Order(n(0))));
    check(&[(2, "r"), (2, "r")], &Err(PlanError::Order(n(2))));
    check(&[(2, "r"), (1, "r")], &Err(PlanError::Order(n(1))));
    check(&[(1, "")], &Err(PlanError::NoStage(n(1))));
    check(&[(1, "r"), (2, "")], &Err(PlanError::NoStage(n(2))));
    check(
        &[(1, "r/a r"), (2, "r")],
        &Err(PlanError::OtherClient(n(2))),
    );
    check(&[(1, "r/a r/b")], &Err(PlanError::NotAPath(n(1))));
    check(&[(1, "r/a r r/a")], &Err(PlanError::NotAPath(n(1))));
    check(&[(1, "r/a x")], &Err(PlanError::NotAPath(n(1))));
}

#[test]
fn a_visitor_goes_through_a_plan_from_where_it_is() {
    struct Until(u16, Vec<u16>);
    impl Visitor for Until {
        fn visit(&mut self, solution: &Arc<Solution>) -> ControlFlow<()> {
            self.1.push(solution.number.0);
            if solution.number.0 == self.0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    let plan = plan(&[(1, "r"), (4, "r"), (5, "r"), (9, "r")]);
    for (from, until, wanted) in [
        (0, 99, &[1, 4, 5, 9][..]),
        (2, 5, &[4, 5]),
        (9, 9, &[9]),
        (10, 1, &[]),
    ] {
        let mut visitor = Until(until, Vec::new());
        let end = plan.accept(SolutionNumber(from), &mut visitor);
        assert_eq!(
            (visitor.1.as_slice(), end.is_break()),
            (wanted, wanted.contains(&until))
        );
    }
    assert_eq!(
        plan.solution(SolutionNumber(5)).unwrap().number,
        SolutionNumber(5)
    );
    assert_eq!(plan.solution(SolutionNumber(3)), None);
}

#[test]
fn a_hold_covers_what_needs_no_more_on_the_same_way() {
    let held = solution(1, "r/a r r/b");
    let with = |amount| {
        let mut solution = Solution::clone(&held);
        solution.stages[0]
            .demand
            .add(&Resource::cpu(), amount)
            .unwrap();
        solution
    };
    assert!(with(2).covers(0, &with(2)) && with(2).covers(0, &with(1)));
    assert!(!with(2).covers(0, &with(3)));
    // The same so far, but it goes on elsewhere.
    let other = solution(2, "r/a r r/c");
    assert!(held.covers(0, &other) && !held.covers(1, &other) && !held.covers(2, &other));
    let shorter = solution(2, "r/a r");
    assert!(held.covers(0, &shorter) && !held.covers(1, &shorter) && !held.covers(2, &shorter));
}

#[test]
fn a_plan_that_was_not_checked_can_be_printed() {
    assert_eq!(
        plan(&[(1, ""), (2, "r")]).to_string(),
        "plan for `film`, 2 solutions\n1. high, without a stage\n2. high from r, 0 hops\n     r  book nothing\n"
    );
}
