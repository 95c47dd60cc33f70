//! What should come out, by brute force: the plan from all that is published, and the
//! first solution that fits what is free, tried one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_place::io::OpenRequest;
use waybook_place::{Place, Strategies};
use waybook_plan::{
    KnownServer, NoPlan, Plan, Question, Release, Resource, Solution, SolutionNumber,
    split_reference,
};

use crate::{Setting, World};

/// What is free at each place that runs, of each resource that it has.
pub type Free = BTreeMap<PlaceName, BTreeMap<Resource, u64>>;

/// The plan that a request must be given once the index is complete, and that code has been
/// added, each piece at its home. Strategies that look at loads are not foretold: none is
/// known here.
///
/// # Errors
/// [`NoPlan`] as the place must say it.
///
/// # Panics
/// If the strategy does not exist.
pub fn plan(
    setting: &Setting,
    strategies: &Strategies,
    added: &[Arc<Release>],
    client: &PlaceName,
    request: &OpenRequest,
) -> Result<Plan, NoPlan> {
    let mut servers = Vec::new();
    for (place, settings) in &setting.places {
        for presentation in &settings.presentations {
            if presentation.title == request.title {
                servers.push(KnownServer {
                    place: place.clone(),
                    presentation: presentation.clone(),
                    load: None,
                });
            }
        }
    }
    let is_default_place = setting.tree().is_default_place(client);
    decide(
        setting,
        strategies,
        &servers,
        added,
        (client, is_default_place),
        request,
    )
}

/// The plan that a request must be given by a place that knows those servers and that code;
/// the client's place comes with whether it has children.
///
/// # Errors
/// [`NoPlan`] as the place must say it.
///
/// # Panics
/// If the strategy does not exist.
pub fn decide(
    setting: &Setting,
    strategies: &Strategies,
    servers: &[KnownServer],
    added: &[Arc<Release>],
    (client, client_is_default_place): (&PlaceName, bool),
    request: &OpenRequest,
) -> Result<Plan, NoPlan> {
    let presentations = servers.iter().map(|s| &s.presentation);
    let references = presentations.flat_map(|p| p.references());
    let releases = meant(references.map(str::to_owned).collect(), added, client);
    let strategy = request.strategy.as_ref().unwrap_or(&setting.strategy);
    let question = Question {
        title: &request.title,
        client,
        client_is_default_place,
        profile: &request.profile,
        servers,
        releases: &releases,
        gap: None,
        most_servers: setting.servers_per_plan,
        most_solutions: setting.limits.solutions,
    };
    let maker = strategies.decision_maker(strategy);
    maker.unwrap_or_else(|e| panic!("{e}")).decide(&question)
}

/// The releases that references may mean at a place: for each, and for each that these
/// depend on, those of the smallest locality around the place in which there is any. Of
/// equal versions the nearest counts.
fn meant(
    mut wanted: BTreeSet<String>,
    added: &[Arc<Release>],
    client: &PlaceName,
) -> Vec<Arc<Release>> {
    let mut meant: BTreeMap<String, Arc<Release>> = BTreeMap::new();
    let mut asked = wanted.clone();
    let mut around = Some(client.clone());
    while let Some(place) = around.filter(|_| !wanted.is_empty()) {
        let mut local: Vec<_> = added.iter().filter(|r| place.contains(&r.home)).collect();
        local.sort_by_key(|r| (client.distance(&r.home), &r.home));
        let mut open: Vec<_> = wanted.iter().cloned().collect();
        while let Some(reference) = open.pop() {
            for release in local.iter().filter(|r| matches(&reference, r)) {
                if meant.contains_key(&release.reference()) {
                    continue;
                }
                meant.insert(release.reference(), Arc::clone(release));
                let needs = release.dependencies.iter();
                let needs = needs.map(|(name, range)| format!("{name}@{range}"));
                let new: Vec<_> = needs.filter(|need| asked.insert(need.clone())).collect();
                wanted.extend(new.iter().cloned());
                open.extend(new);
            }
        }
        wanted.retain(|reference| !meant.values().any(|r| matches(reference, r)));
        around = place.parent();
    }
    meant.into_values().collect()
}

fn matches(reference: &str, release: &Release) -> bool {
    split_reference(reference)
        .is_ok_and(|(name, range)| name == release.name && range.matches(&release.version))
}

/// What lacks at one place: of each resource that does not suffice, how much is wanted and
/// how much is free.
pub type Lacks = BTreeMap<Resource, (u64, u64)>;

/// What is free everywhere at this moment, from what is booked.
#[must_use]
pub fn free(world: &World) -> Free {
    let places = world.slots().filter_map(|(_, slot)| slot.place());
    places
        .map(|place| (place.name().clone(), free_at(place)))
        .collect()
}

fn free_at(place: &Place) -> BTreeMap<Resource, u64> {
    let mut free = place.config().capacity.clone();
    for booking in place.bookings() {
        for (resource, amount) in booking.demand.iter() {
            if let Some(left) = free.get_mut(resource) {
                *left = left.saturating_sub(amount);
            }
        }
    }
    free
}

/// The first solution whose every stage fits, if nothing else happens meanwhile.
#[must_use]
pub fn first_feasible(plan: &Plan, free: &Free) -> Option<SolutionNumber> {
    let mut solutions = plan.solutions.iter();
    let fitting = solutions.find(|solution| first_lack(solution, free).is_none());
    fitting.map(|solution| solution.number)
}

/// The solution that a set-up without tracing back is given, if nothing else happens
/// meanwhile: wherever one does not fit, the next one has to be covered by what the hops
/// before that place hold by then.
///
/// # Errors
/// The first solution that is not tried; none if all are.
pub fn without_trace_back(
    plan: &Plan,
    free: &Free,
) -> Result<SolutionNumber, Option<SolutionNumber>> {
    let mut held: Vec<&Solution> = Vec::new();
    for solution in &plan.solutions {
        let mut before = held.iter().enumerate();
        if !before.all(|(hop, held)| held.covers(hop, solution)) {
            return Err(Some(solution.number));
        }
        let Some((refuses, _)) = first_lack(solution, free) else {
            return Ok(solution.number);
        };
        let way = solution.stages.iter();
        let hops_before = way.take_while(|stage| stage.place != refuses).count();
        held.resize(hops_before, solution);
    }
    Err(None)
}

/// Where on the way from the client a solution does not fit, and all that lacks there, with
/// what is wanted and what is free.
#[must_use]
pub fn first_lack(solution: &Solution, free: &Free) -> Option<(PlaceName, Lacks)> {
    let nothing = BTreeMap::new();
    solution.stages.iter().find_map(|stage| {
        let free = free.get(&stage.place).unwrap_or(&nothing);
        let lacks: Lacks = stage
            .demand
            .iter()
            .map(|(resource, wanted)| {
                let free = free.get(resource).copied().unwrap_or(0);
                (resource.clone(), (wanted, free))
            })
            .filter(|(_, (wanted, free))| wanted > free)
            .collect();
        (!lacks.is_empty()).then(|| (stage.place.clone(), lacks))
    })
}
