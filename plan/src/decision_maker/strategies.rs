//! The strategies that come with Waybook.
//!
//! All of them plan with the nearest servers that have something to offer; they differ
//! in the order of what these offer.

use std::sync::Arc;

use super::{DecisionMaker, KnownServer, Load, NoPlan, Offer, Question};
use crate::text::quote;
use crate::{
    Plan, Presentation, Quality, Releases, Resolver, Solution, SolutionNumber, WhenCut,
    format_bandwidth,
};

/// The nearest servers first, and for each its quality levels from the best down.
/// Servers that are equally near come in the order of names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nearest;

/// The best quality first, and for each level the nearest servers. Levels of different
/// servers are compared by their ranks in the servers' lists.
#[derive(Debug, Clone, Copy, Default)]
pub struct BestQuality;

/// The least loaded of the nearest servers first, and for each its quality levels. A
/// server of unknown load counts as half loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeastLoaded;

/// What a server of unknown load counts as.
const UNKNOWN_LOAD: Load = Load(500);

impl DecisionMaker for Nearest {
    fn name(&self) -> &'static str {
        "nearest"
    }

    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
        Ok(plan(question, candidates(question)?.into_iter().flatten()))
    }
}

impl DecisionMaker for BestQuality {
    fn name(&self) -> &'static str {
        "best-quality"
    }

    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
        let mut offers: Vec<_> = candidates(question)?.into_iter().flatten().collect();
        // A stable sort: offers of one rank stay nearest first.
        offers.sort_by_key(|offer| offer.rank);
        Ok(plan(question, offers))
    }
}

impl DecisionMaker for LeastLoaded {
    fn name(&self) -> &'static str {
        "least-loaded"
    }

    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
        let mut servers = candidates(question)?;
        // A stable sort: servers of one load stay nearest first. None is without offers.
        servers.sort_by_key(|offers| offers.first().map(|offer| offer.load));
        Ok(plan(question, servers.into_iter().flatten()))
    }
}

/// One quality level that one server offers, as it would be planned.
struct Candidate<'a> {
    /// The rank of the level in the server's list; 0 is the best.
    rank: usize,
    quality: &'a Quality,
    load: Load,
    offer: Offer,
    when_cut: WhenCut,
}

/// Numbers the first offers as solutions.
///
/// One that would bring the plan above [`Releases::MAX`] is passed over; the first never
/// does.
fn plan<'a>(question: &Question<'_>, candidates: impl IntoIterator<Item = Candidate<'a>>) -> Plan {
    let numbers = (1..=u16::MAX)
        .map(SolutionNumber)
        .take(question.most_solutions);
    let mut releases = Releases::default();
    let fitting = candidates.into_iter().filter(|candidate| {
        let offered = &candidate.offer.releases;
        let new = offered
            .iter()
            .filter(|release| releases.get(&release.reference()).is_none());
        let fits = releases.len() + new.count() <= Releases::MAX;
        if fits {
            offered
                .iter()
                .for_each(|release| releases.insert(release.clone()));
        }
        fits
    });
    let solution = |(number, candidate): (_, Candidate<'_>)| {
        Arc::new(Solution {
            number,
            quality: candidate.quality.name.clone(),
            stages: candidate.offer.stages,
            when_cut: candidate.when_cut,
        })
    };
    let solutions = numbers.zip(fitting).map(solution).collect();
    Plan {
        title: question.title.to_owned(),
        solutions,
        releases: Arc::new(releases),
    }
}

/// What the nearest servers offer that suits the profile: a list for each server, never
/// empty, nearest first. There is at least one.
fn candidates<'a>(question: &Question<'a>) -> Result<Vec<Vec<Candidate<'a>>>, NoPlan> {
    let title = question.title;
    let user = || question.profile.user.clone();
    if !question.profile.allows(title) {
        return Err(NoPlan::NotAllowed {
            user: user(),
            title: title.to_owned(),
        });
    }
    let mut servers: Vec<_> = question
        .servers
        .iter()
        .filter(|server| server.presentation.title == title)
        .filter_map(|server| Some((question.client.distance(&server.place)?, server)))
        .collect();
    servers.sort_by_key(|(distance, server)| (*distance, &server.place));
    servers.dedup_by_key(|(_, server)| &server.place);
    if servers.is_empty() {
        return Err(NoPlan::NoServer {
            title: title.to_owned(),
        });
    }

    let mut reasons = Reasons::default();
    let mut resolver = question.resolver();
    let candidates: Vec<_> = servers
        .into_iter()
        .map(|(_, server)| offers(question, server, &mut resolver, &mut reasons))
        .filter(|offers| !offers.is_empty())
        .take(question.most_servers)
        .collect();
    if question.most_servers == 0 || question.most_solutions == 0 {
        reasons = Reasons(vec![
            "the request allows no server or no solution".to_owned(),
        ]);
    } else if !candidates.is_empty() {
        return Ok(candidates);
    }
    Err(NoPlan::NothingSuits {
        user: user(),
        title: title.to_owned(),
        why: reasons.tell(),
    })
}

/// What one server offers that suits the profile, best first.
fn offers<'a>(
    question: &Question<'_>,
    server: &'a KnownServer,
    resolver: &mut Resolver<'_>,
    reasons: &mut Reasons,
) -> Vec<Candidate<'a>> {
    let best = match best_rank(question, &server.presentation) {
        Ok(best) => best,
        Err(why) => {
            reasons.add(why);
            return Vec::new();
        }
    };
    let mut offers = Vec::new();
    for (rank, quality) in server.presentation.qualities.iter().enumerate().skip(best) {
        let needed = quality.demand.edge.to_client;
        if let Some(most) = question
            .profile
            .terminal_bandwidth
            .filter(|most| needed > *most)
        {
            reasons.add(format!(
                "{} needs {}, the terminal takes {}",
                quote(&quality.name),
                format_bandwidth(needed),
                format_bandwidth(most)
            ));
            continue;
        }
        match question.offer(&server.place, quality, resolver) {
            Ok(offer) => {
                let load = server.load.unwrap_or(UNKNOWN_LOAD);
                offers.push(Candidate {
                    rank,
                    quality,
                    load,
                    offer,
                    when_cut: server.presentation.when_cut,
                });
            }
            Err(error) => reasons.add(format!("{}: {error}", quote(&quality.name))),
        }
    }
    offers
}

/// The rank of the best level that the user wants.
fn best_rank(question: &Question<'_>, presentation: &Presentation) -> Result<usize, String> {
    let qualities = &presentation.qualities;
    if qualities.is_empty() {
        return Err("it has no quality".to_owned());
    }
    let Some(best) = &question.profile.best_quality else {
        return Ok(0);
    };
    qualities
        .iter()
        .position(|q| q.name == *best)
        .ok_or_else(|| {
            let names: Vec<_> = qualities.iter().map(|q| quote(&q.name)).collect();
            format!(
                "it has no quality {}, only {}",
                quote(best),
                names.join(", ")
            )
        })
}

/// Why levels were left out, each reason once.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    /// The nearest servers' reasons say enough, and a refusal must stay small.
    const MOST: usize = 8;

    fn add(&mut self, reason: String) {
        if self.0.len() < Self::MOST && !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    fn tell(&self) -> String {
        self.0.join("; ")
    }
}
