//! The strategies that come with Waybook.

use waybook_location_tree::PlaceName;

use super::{Download, DownloadRule, DownloadStrategy, Found, Nowhere, Site, Standing, Step};

/// The seed's: a place gets its code from its default place, which gets it for itself
/// too and so keeps it for the next one who asks; then from home.
///
/// Code that was added below the origin is read from there: the way to it does not lead
/// through the default place.
pub(super) struct DefaultPlace;

/// Straight to where it was added. If it is gone from there, or there is no way, from
/// whoever has it.
pub(super) struct Direct;

/// From the nearest place that holds it: each place on the way up knows what its own
/// locality holds.
pub(super) struct NearestHolder;

impl DownloadRule for DefaultPlace {
    fn strategy(&self) -> DownloadStrategy {
        DownloadStrategy::DefaultPlace
    }

    fn step(&self, agent: &mut Download, site: &dyn Site) -> Step {
        let here = site.here();
        let home = &agent.release.home;
        if *here != agent.id.origin {
            return match site.standing(&agent.release) {
                Standing::Held | Standing::Coming => found(here),
                Standing::Absent => Step::Obtain,
            };
        }
        let below = here.next_hop(home).filter(|next| here.contains(next));
        if below.is_some_and(|next| site.reaches(&next)) && !agent.avoid.contains(home) {
            return found(home);
        }
        match here.parent() {
            Some(parent) if !agent.avoid.contains(&parent) && site.reaches(&parent) => {
                Step::Go(parent)
            }
            Some(parent) if !agent.avoid.contains(&parent) => {
                Step::Return(agent.home_or(&format!("there is no connection to {parent}")))
            }
            _ => Step::Return(agent.home_or("every place that might hold it was tried")),
        }
    }

    fn may_be_at(&self, agent: &Download, place: &PlaceName) -> bool {
        let origin = &agent.id.origin;
        place == origin || origin.parent().as_ref() == Some(place)
    }

    fn passes_default_places(&self) -> bool {
        true
    }
}

impl DownloadRule for Direct {
    fn strategy(&self) -> DownloadStrategy {
        DownloadStrategy::Direct
    }

    fn step(&self, agent: &mut Download, site: &dyn Site) -> Step {
        let here = site.here();
        let home = agent.release.home.clone();
        if !agent.avoid.contains(&home) {
            match here.next_hop(&home) {
                None if home == *here
                    && home != agent.id.origin
                    && site.standing(&agent.release) == Standing::Held =>
                {
                    return found(here);
                }
                Some(next) if site.reaches(&next) => return Step::Go(next),
                _ => {
                    agent.avoid.insert(home);
                }
            }
        }
        NearestHolder.step(agent, site)
    }

    /// Home, and if that is of no use, up from wherever that turned out.
    fn may_be_at(&self, agent: &Download, place: &PlaceName) -> bool {
        let path = agent.id.origin.path_to(&agent.release.home);
        climbs(agent, place) || path.is_some_and(|path| path.contains(place))
    }

    fn looks_on_the_way_back(&self) -> bool {
        true
    }
}

impl DownloadRule for NearestHolder {
    fn strategy(&self) -> DownloadStrategy {
        DownloadStrategy::NearestHolder
    }

    fn step(&self, agent: &mut Download, site: &dyn Site) -> Step {
        let here = site.here();
        let (digest, origin) = (&agent.release.digest, &agent.id.origin);
        if here != origin
            && !agent.avoid.contains(here)
            && site.standing(&agent.release) == Standing::Held
        {
            return found(here);
        }
        if let Some(holder) = site.holder_below(digest, origin, &agent.avoid) {
            return found(&holder);
        }
        match here.parent().filter(|parent| site.reaches(parent)) {
            Some(parent) => Step::Go(parent),
            None => Step::Return(
                agent.home_or(&format!("no other place that {here} knows of holds it")),
            ),
        }
    }

    fn may_be_at(&self, agent: &Download, place: &PlaceName) -> bool {
        climbs(agent, place)
    }
}

fn climbs(agent: &Download, place: &PlaceName) -> bool {
    place.contains(&agent.id.origin)
}

fn found(source: &PlaceName) -> Step {
    Step::Return(Ok::<_, Nowhere>(Found::at(source)))
}
