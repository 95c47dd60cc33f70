//! The plan visitor's states and transitions as a table, pinned in `transitions.txt`.
//!
//! The table is made by putting a visitor into every state and handing it every event.
//! When a change of the protocol is meant, put what the failing test prints in place of
//! the file, and read the difference in review.

use std::fmt::Write as _;
use std::sync::Arc;

use waybook_agents::{
    Action, Event, HopReport, Local, PlanVisitor, Ready, RefusalReason, Refuse, SessionId, State,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Demand, Plan, Resource, Runtime, Solution, SolutionNumber, Stage, WhenCut,
};

/// A place with that much processor time, for one session.
struct Here {
    cpu: u64,
}

impl Local for Here {
    fn hold(
        &mut self,
        stage: &Stage,
        _: Option<&PlaceName>,
        _: Option<&str>,
    ) -> Result<(), RefusalReason> {
        if stage.demand.of("cpu") <= self.cpu {
            Ok(())
        } else {
            Err(RefusalReason::Restarting)
        }
    }
    fn shrink(&mut self, _: &Demand) {}
    fn release(&mut self) {}
    fn report(&self, stage: &Stage) -> HopReport {
        HopReport {
            place: stage.place.clone(),
            booked: stage.demand.clone(),
            components: Vec::new(),
            took: std::time::Duration::ZERO,
        }
    }
}

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn component(name: &str) -> Component {
    Component {
        name: name.to_owned(),
        runtime: Runtime::Builtin,
        config: [].into(),
    }
}

/// One stage for each `place cpu component`.
fn solution(number: u16, stages: &[(&str, u64, &str)]) -> Arc<Solution> {
    let stage = |(place, cpu, runs): &(&str, u64, &str)| {
        let mut demand = Demand::none();
        demand.add(&Resource::cpu(), *cpu).unwrap();
        Stage {
            place: name(place),
            demand,
            components: vec![component(runs)],
        }
    };
    let (number, quality) = (SolutionNumber(number), format!("q{number}"));
    Arc::new(Solution {
        number,
        quality,
        stages: stages.iter().map(stage).collect(),
        when_cut: WhenCut::default(),
    })
}

/// 1 is the best; 2 is covered wherever 1 is held; 3 needs another component at the
/// client; 4 leads to another server.
fn plan() -> Plan {
    plan_of(vec![
        solution(1, &[("r/a", 4, "x"), ("r", 4, "x"), ("r/b", 4, "s")]),
        solution(2, &[("r/a", 2, "x"), ("r", 2, "x"), ("r/b", 2, "s")]),
        solution(3, &[("r/a", 2, "y"), ("r", 2, "x"), ("r/b", 2, "s")]),
        solution(4, &[("r/a", 1, "z"), ("r", 1, "z"), ("r/c", 1, "s")]),
    ])
}

fn plan_of(solutions: Vec<Arc<Solution>>) -> Plan {
    let plan = Plan {
        title: "film".to_owned(),
        solutions,
        releases: Arc::default(),
    };
    plan.check().unwrap();
    plan
}

fn ready(number: u16, solution: u16) -> Event {
    Event::ChildReady(Ready {
        session: SessionId(1),
        number: SolutionNumber(number),
        solution: SolutionNumber(solution),
        journey: Vec::new(),
        refused: Vec::new(),
    })
}

fn refused(number: u16, next: Option<u16>) -> Event {
    Event::ChildRefused(Refuse {
        session: SessionId(1),
        number: SolutionNumber(number),
        next: next.map(SolutionNumber),
        refused: Vec::new(),
    })
}

fn lost(number: u16) -> Event {
    Event::ChildLost {
        number: SolutionNumber(number),
        reason: RefusalReason::NoAnswer { next: name("r/b") },
    }
}

fn failed(what: &str) -> Event {
    Event::ComponentFailed {
        component: component(what),
        why: "it broke".to_owned(),
    }
}

/// What the visitor does about the event, where there is room for all.
fn does(visitor: &mut PlanVisitor, event: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    visitor.handle(event, &mut Here { cpu: 4 }, &mut actions);
    actions
}

/// The agent that is sent on.
fn forwarded(actions: &[Action]) -> PlanVisitor {
    let mut sent = actions.iter().filter_map(|action| match action {
        Action::Forward { agent, .. } => Some(PlanVisitor::clone(agent)),
        _ => None,
    });
    sent.next().expect("an agent is sent on")
}

fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("arrive", Event::Arrive),
        ("components up", Event::ComponentsUp),
        ("component x failed", failed("x")),
        ("child ready, chose 1", ready(1, 1)),
        ("child ready, chose 2", ready(1, 2)),
        ("child ready, chose 3 (impossible)", ready(1, 3)),
        ("other child ready", ready(9, 9)),
        ("child refused, next 2", refused(1, Some(2))),
        ("child refused, next 3", refused(1, Some(3))),
        ("child refused, none left", refused(1, None)),
        ("other child refused", refused(9, Some(2))),
        ("child lost", lost(1)),
        ("other child lost", lost(9)),
        ("confirmed", Event::Confirmed),
        ("deadline", Event::Deadline),
        ("drained", Event::Drained),
        ("released", Event::Released),
    ]
}

/// Visitors at the middle hop, in every state, of a set-up that traces back or not.
fn states(no_trace_back: bool) -> Vec<(&'static str, PlanVisitor, u64)> {
    let step = |visitor: &PlanVisitor, events: &[Event]| {
        let mut visitor = visitor.clone();
        for event in events {
            visitor.handle(event.clone(), &mut Here { cpu: 4 }, &mut Vec::new());
        }
        visitor
    };
    let mut first = PlanVisitor::new(SessionId(1), plan(), false);
    first.set_no_trace_back(no_trace_back);
    let arrived = forwarded(&does(&mut first, Event::Arrive));
    arrived.check().unwrap();
    let waiting = step(&arrived, &[Event::Arrive]);
    let child = step(&waiting, &[ready(1, 1)]);
    let up = step(&waiting, &[Event::ComponentsUp]);
    let is_ready = step(&up, &[ready(1, 2)]);
    let established = step(&is_ready, &[Event::Confirmed]);
    let ended = step(&waiting, &[Event::Released]);
    let wanted = [
        State::Waiting,
        State::Waiting,
        State::Ready,
        State::Established,
        State::Ended,
    ];
    let got = [&child, &up, &is_ready, &established, &ended].map(PlanVisitor::state);
    assert_eq!(got, wanted);
    vec![
        ("Arrived", arrived.clone(), 4),
        ("Arrived where only 2 fits", arrived.clone(), 2),
        ("Arrived where nothing covered fits", arrived, 0),
        ("Waiting for child and components", waiting, 4),
        ("Waiting for components", child, 4),
        ("Waiting for child", up, 4),
        ("Ready with 2", is_ready, 4),
        ("Established with 2", established, 4),
        ("Ended", ended, 4),
    ]
}

fn show(action: &Action) -> String {
    match action {
        Action::Forward { to, agent } => format!("forward {} to {to}", agent.number()),
        Action::ReleaseChild { to, number } => format!("release {number} at {to}"),
        Action::Run(components) => {
            let names: Vec<_> = components.iter().map(|c| c.name.as_str()).collect();
            format!("run {}", names.join(", "))
        }
        Action::Bind { next: Some(next) } => format!("bind to {next}"),
        Action::Bind { next: None } => "bind to the server here".to_owned(),
        Action::Ready(ready) => format!("answer {}: ready with {}", ready.number, ready.solution),
        Action::Refuse(refuse) => {
            let next = refuse
                .next
                .map_or("none left".to_owned(), |n| format!("next {n}"));
            let reasons: Vec<_> = refuse
                .refused
                .iter()
                .map(|r| r.solution.to_string())
                .collect();
            let reasons = if reasons.is_empty() {
                "-".to_owned()
            } else {
                reasons.join(" ")
            };
            format!(
                "answer {}: refused, {next}, reasons for {reasons}",
                refuse.number
            )
        }
        Action::Confirm { to, number } => format!("confirm {number} to {to}"),
        Action::End => "end".to_owned(),
        Action::Progress(..) => "progress".to_owned(),
    }
}

/// What each state does about each event that it does anything about.
fn transitions(no_trace_back: bool) -> Vec<(&'static str, Vec<String>)> {
    let lines = |(label, visitor, cpu): (_, PlanVisitor, _)| {
        let lines = events().into_iter().filter_map(|(event_label, event)| {
            let mut after = visitor.clone();
            let mut actions = Vec::new();
            after.handle(event, &mut Here { cpu }, &mut actions);
            if after == visitor && actions.is_empty() {
                return None;
            }
            let shown: Vec<_> = actions.iter().map(show).collect();
            let (state, shown) = (after.state(), shown.join("; "));
            Some(format!("  {event_label:<34} -> {state:?}: {shown}"))
        });
        (label, lines.collect())
    };
    states(no_trace_back).into_iter().map(lines).collect()
}

fn table() -> String {
    let mut table = String::new();
    let all = transitions(false);
    for (label, lines) in &all {
        writeln!(table, "{label}").unwrap();
        for line in lines {
            writeln!(table, "{line}").unwrap();
        }
    }
    writeln!(table, "\nWhere a set-up that does not trace back differs\n").unwrap();
    for ((label, tracing), (_, lines)) in all.iter().zip(transitions(true)) {
        assert_eq!(tracing.len(), lines.len(), "{label}");
        let mut others = lines.iter().filter(|line| !tracing.contains(line));
        if let Some(first) = others.next() {
            writeln!(table, "{label}\n{first}").unwrap();
        }
        for line in others {
            writeln!(table, "{line}").unwrap();
        }
    }
    table
}

#[test]
fn the_table_is_as_written() {
    let table = table();
    let written = include_str!("transitions.txt");
    assert!(table == written, "the table is now:\n{table}");
}

/// Whatever has happened, an ended visitor asks for nothing more, and an agent can be
/// captured after any event.
#[test]
fn every_state_can_be_captured() {
    for (label, visitor, _) in states(false).into_iter().chain(states(true)) {
        let bytes = waybook_agents::wire::encode_agent(&visitor);
        assert_eq!(
            waybook_agents::wire::decode_agent(&bytes).unwrap(),
            visitor,
            "{label}"
        );
    }
}

/// Two components failed at the same time: the middle hop's, which went on by itself to a solution
/// that the client hop's booking covered, and the client hop's, which sent one before that. The
/// middle hop then went back to it, and the hop beyond took no notice of a smaller number.
#[test]
fn a_visitor_that_replaces_another_knows_what_failed() {
    let plan = plan_of(vec![
        solution(1, &[("r/a", 4, "x"), ("r", 4, "x"), ("r/b", 4, "s")]),
        solution(2, &[("r/a", 2, "y"), ("r", 2, "x"), ("r/b", 2, "s")]),
        solution(3, &[("r/a", 2, "x"), ("r", 2, "y"), ("r/b", 2, "s")]),
        solution(4, &[("r/a", 2, "y"), ("r", 2, "y"), ("r/b", 2, "s")]),
    ]);
    let (mut client, mut older) = set_out(plan);
    let on = forwarded(&does(&mut older, failed("x")));
    assert_eq!(on.number(), SolutionNumber(3));
    let mut newer = forwarded(&does(&mut client, failed("x")));
    assert_eq!(newer.number(), SolutionNumber(2));
    newer.inherit(&older);
    let answer: Vec<_> = does(&mut newer, Event::Arrive).iter().map(show).collect();
    let wanted = [
        "release 3 at r/b",
        "answer 2: refused, next 3, reasons for 1 2",
    ];
    assert_eq!(answer, wanted);
}

/// As above, but it was the hop beyond that could not do the solution between.
#[test]
fn a_visitor_that_replaces_another_goes_no_step_back() {
    let plan = plan_of(vec![
        solution(1, &[("r/a", 4, "x"), ("r", 4, "z"), ("r/b", 4, "s")]),
        solution(2, &[("r/a", 2, "y"), ("r", 2, "z"), ("r/b", 2, "s")]),
        solution(3, &[("r/a", 2, "x"), ("r", 2, "z"), ("r/b", 2, "s")]),
    ]);
    let (mut client, mut older) = set_out(plan);
    let on = forwarded(&does(&mut older, refused(1, Some(3))));
    assert_eq!(on.number(), SolutionNumber(3));
    let mut newer = forwarded(&does(&mut client, failed("x")));
    assert_eq!(newer.number(), SolutionNumber(2));
    newer.inherit(&older);
    let answer: Vec<_> = does(&mut newer, Event::Arrive).iter().map(show).collect();
    let wanted = [
        "release 3 at r/b",
        "answer 2: refused, next 3, reasons for -",
    ];
    assert_eq!(answer, wanted);
}

/// Visitors at the client's hop and the next, both on their way with the best solution.
fn set_out(plan: Plan) -> (PlanVisitor, PlanVisitor) {
    let mut client = PlanVisitor::new(SessionId(1), plan, false);
    let mut next = forwarded(&does(&mut client, Event::Arrive));
    does(&mut next, Event::Arrive);
    (client, next)
}
