//! Summaries: how the places of the locality do, told upward in few words.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{Edition, Message, PlaceSummary};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, Load};

use super::Place;
use super::shares::Tally;
use super::timers::Timer;
use crate::Instant;
use crate::io::Output;
use crate::lazy::Empty;

/// Summaries per message.
const SUMMARY_PART: usize = 500;
/// Names of places that are gone, per message.
const GONE_PART: usize = 2_000;

/// What the places of the locality have said of themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Summaries {
    places: BTreeMap<PlaceName, (PlaceSummary, Instant)>,
    /// Of how many places each child has told.
    told: Tally,
    /// Whose summaries the parent has not been told.
    news: BTreeSet<PlaceName>,
    gone: BTreeSet<PlaceName>,
    /// Those of the places that are being drained.
    draining: BTreeSet<PlaceName>,
    /// Whether this place itself has changed since it said how it does.
    own_news: bool,
}

impl Empty for Summaries {
    const EMPTY: &'static Self = &Self {
        places: BTreeMap::new(),
        told: Tally::new(),
        news: BTreeSet::new(),
        gone: BTreeSet::new(),
        draining: BTreeSet::new(),
        own_news: false,
    };
}

impl Place {
    /// How loaded a place of the locality is, as far as it has said.
    pub(super) fn load_of(&self, place: &PlaceName) -> Option<Load> {
        if *place == self.config.name {
            return Some(self.load());
        }
        self.summaries
            .places
            .get(place)
            .map(|(summary, _)| summary.load)
    }

    /// The share in use of the scarcest resource.
    fn load(&self) -> Load {
        let share = |(_, capacity, established, held): (_, u64, u64, u64)| {
            let used = u128::from(established) + u128::from(held);
            let share = (used * 1000).checked_div(u128::from(capacity)).unwrap_or(0);
            u16::try_from(share.min(1000)).unwrap_or(1000)
        };
        let all = self.ledger.all(&self.config.capacity);
        Load(all.map(share).max().unwrap_or(0))
    }

    /// This place has changed; the parent is told with the next summary.
    pub(super) fn changed(&mut self, now: Instant) {
        if self.parent.is_some()
            && self.config.limits.summaries > 0
            && !std::mem::replace(&mut self.summaries.own_news, true)
        {
            self.tell_soon(now);
        }
    }

    fn tell_soon(&mut self, now: Instant) {
        let at = self.jittered(now, self.config.timing.summary);
        self.timers.set_if_unset(Timer::Summary, at);
    }

    /// A place that nobody further up has heard of is worth more haste than a change, and so is
    /// one that takes no new sessions.
    fn tell_of_new_place(&mut self, now: Instant) {
        let at = self.jittered(now, self.config.timing.summary / 20);
        self.timers.set(Timer::Summary, at);
    }

    /// This place has changed, in what whoever plans should know soon.
    pub(super) fn tell_in_haste(&mut self, now: Instant) {
        if self.parent.is_some() && self.config.limits.summaries > 0 {
            self.summaries.own_news = true;
            self.tell_of_new_place(now);
        }
    }

    /// Whether a place between those two, both included, is known to be drained.
    pub(super) fn leads_over_drained(&self, from: &PlaceName, to: &PlaceName) -> bool {
        let draining = &self.summaries.draining;
        if draining.is_empty() && !self.is_draining() {
            return false;
        }
        let path = from.path_to(to).unwrap_or_default();
        path.iter().any(|place| match *place == self.config.name {
            true => self.is_draining(),
            false => draining.contains(place),
        })
    }

    pub(super) fn tell_all_summaries(&mut self, now: Instant) {
        if self.config.limits.summaries == 0 {
            return;
        }
        let summaries = &mut *self.summaries;
        summaries.news.extend(summaries.places.keys().cloned());
        summaries.own_news = true;
        self.tell_of_new_place(now);
    }

    pub(super) fn own_summary(&self) -> PlaceSummary {
        PlaceSummary {
            place: self.config.name.clone(),
            edition: Edition(self.incarnation, 0),
            age: Duration::ZERO,
            load: self.load(),
            resources: self
                .ledger
                .views(&self.config.capacity)
                .into_iter()
                .map(|v| (v.resource, v.capacity, v.established.saturating_add(v.held)))
                .collect(),
            sessions: u32::try_from(self.hops.len()).unwrap_or(u32::MAX),
            withheld: self.withholding.what.clone(),
        }
    }

    pub(super) fn tell_summaries(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        if !self.links.is_up(&parent) {
            // All of it is told when the connection is back.
            return;
        }
        let mut places = Vec::new();
        if std::mem::take(&mut self.summaries.own_news) {
            places.push(self.own_summary());
        }
        for place in std::mem::take(&mut self.summaries.news) {
            if let Some((summary, at)) = self.summaries.places.get(&place) {
                // The age is what a neighbour said, so it may be any.
                let age = summary.age.saturating_add(now.since(*at));
                places.push(PlaceSummary {
                    age,
                    ..summary.clone()
                });
            }
        }
        let gone: Vec<_> = std::mem::take(&mut self.summaries.gone)
            .into_iter()
            .collect();
        let tell = |places: &[PlaceSummary], gone: &[PlaceName], out: &mut Vec<Output>| {
            let message = Message::Summaries {
                places: places.to_vec(),
                gone: gone.to_vec(),
            };
            self.send(&parent, message, out);
        };
        // What is gone comes first: some of it may be back.
        for part in gone.chunks(GONE_PART) {
            tell(&[], part, out);
        }
        for part in places.chunks(SUMMARY_PART) {
            tell(part, &[], out);
        }
    }

    /// A child tells how its places do.
    pub(super) fn summarized(
        &mut self,
        now: Instant,
        from: &PlaceName,
        places: Vec<PlaceSummary>,
        gone: &[PlaceName],
    ) {
        if !self.config.name.contains(from) {
            self.counters.refused_messages += 1;
            return;
        }
        for place in gone.iter().filter(|place| from.contains(place)) {
            self.forget_summaries(now, from, place);
        }
        let most = self.config.limits.summaries;
        let share = self.neighbour_part(most);
        for summary in places {
            let place = summary.place.clone();
            let kinds = summary.resources.len().max(summary.withheld.cordoned.len());
            if !from.contains(&place) || kinds > Demand::MAX_KINDS {
                self.counters.refused_messages += 1;
                continue;
            }
            let is_new = !self.summaries.places.contains_key(&place);
            let told = self.summaries.told.of(from);
            if is_new && (self.summaries.places.len() >= most || told >= share) {
                self.counters.limited += 1;
                continue;
            }
            // At the root there is nobody to tell, and what is to be told would only grow.
            if self.parent.is_some() {
                self.summaries.news.insert(place.clone());
            }
            let drains = summary.withheld.draining;
            let changed = match drains {
                true => self.summaries.draining.insert(place.clone()),
                false => self.summaries.draining.remove(&place),
            };
            self.summaries.places.insert(place, (summary, now));
            if is_new {
                self.summaries.told.one_more(from);
            }
            if is_new || changed {
                self.tell_of_new_place(now);
            }
        }
        if !self.summaries.news.is_empty() || !self.summaries.gone.is_empty() {
            self.tell_soon(now);
        }
    }

    /// Nothing is known any more of a child's places below that one.
    pub(super) fn forget_summaries(&mut self, now: Instant, child: &PlaceName, below: &PlaceName) {
        let gone: Vec<_> = self
            .summaries
            .places
            .range(below.clone()..)
            .map(|(place, _)| place.clone())
            .take_while(|place| below.contains(place))
            .collect();
        for place in &gone {
            self.summaries.places.remove(place);
            self.summaries.news.remove(place);
            self.summaries.draining.remove(place);
            self.summaries.told.one_less(child);
        }
        if !gone.is_empty() && self.parent.is_some() {
            // It may be long before the parent is told, and names cost a liar nothing.
            // Beyond the bound the parent knows of places that are gone, until it loses sight
            // of this one.
            let room = (self.config.limits.summaries).saturating_sub(self.summaries.gone.len());
            self.summaries.gone.extend(gone.into_iter().take(room));
            self.tell_soon(now);
        }
    }

    pub(super) fn summaries_below(&self, now: Instant) -> Vec<PlaceSummary> {
        let mut all = vec![self.own_summary()];
        all.extend(
            self.summaries
                .places
                .values()
                .map(|(summary, at)| PlaceSummary {
                    age: summary.age.saturating_add(now.since(*at)),
                    ..summary.clone()
                }),
        );
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use waybook_agents::Withheld;

    use super::*;
    use crate::{CodeConfig, Config, Limits, Timing};

    fn summary(place: &str) -> PlaceSummary {
        PlaceSummary {
            place: PlaceName::new(place).unwrap(),
            edition: Edition(waybook_agents::Incarnation(1), 0),
            age: Duration::ZERO,
            load: Load(0),
            resources: Vec::new(),
            sessions: 0,
            withheld: Withheld {
                draining: true,
                ..Withheld::NOTHING
            },
        }
    }

    /// A root, which has nobody to tell, kept the name of every place that there had ever been,
    /// and a place whose parent is away that of each that had gone: a child that lies could
    /// make both grow without end.
    #[test]
    fn what_is_to_be_told_stays_bounded() {
        for here in ["r", "r/a"] {
            let config = Config {
                name: PlaceName::new(here).unwrap(),
                capacity: BTreeMap::new(),
                programs: Vec::new(),
                limits: Limits {
                    summaries: 10,
                    ..Limits::default()
                },
                timing: Timing::default(),
                strategy: "nearest".to_owned(),
                servers_per_plan: 3,
                code: CodeConfig::default(),
            };
            let mut out = Vec::new();
            let mut place = Place::new(
                config,
                waybook_agents::Incarnation(1),
                [0; 32],
                Vec::new(),
                Instant(0),
                &mut out,
            )
            .unwrap();
            let child = PlaceName::new(&format!("{here}/c")).unwrap();
            for number in 0..100 {
                let name = format!("{child}/p{number}");
                place.summarized(Instant(0), &child, vec![summary(&name)], &[]);
                let gone = PlaceName::new(&name).unwrap();
                place.summarized(Instant(0), &child, Vec::new(), &[gone]);
            }
            let summaries = &*place.summaries;
            assert_eq!((summaries.places.len(), summaries.news.len()), (0, 0));
            assert!(summaries.draining.is_empty(), "{here}");
            let to_tell = if here == "r" { 0 } else { 10 };
            assert_eq!(summaries.gone.len(), to_tell, "{here}");
        }
    }
}
