//! The Decision Maker: from what is asked and what is known to a plan.

mod service_path;
mod strategies;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

pub use strategies::{BestQuality, LeastLoaded, Nearest};

use crate::{
    Conflict, Plan, Presentation, Profile, Quality, Release, Releases, Resolver, ResourceError,
    Stage,
};
use service_path::ServicePath;

/// A server that holds the title, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownServer {
    /// Where it is.
    pub place: PlaceName,
    /// The presentation as that place published it.
    pub presentation: Arc<Presentation>,
    /// How loaded the place said it was, if it said so lately.
    pub load: Option<Load>,
}

/// How much of a place's scarcest resource is booked, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Load(pub u16);

/// All that a Decision Maker may consider.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The title asked for.
    pub title: &'a str,
    /// The client's place.
    pub client: &'a PlaceName,
    /// Whether the client's place is itself a default place.
    pub client_is_default_place: bool,
    /// Who asks, with which terminal.
    pub profile: &'a Profile,
    /// The servers that the search found, in any order. One that publishes another
    /// title, or lies in another tree, is left out; one listed twice counts once, as
    /// listed first.
    pub servers: &'a [KnownServer],
    /// All releases that were found for the [references](Presentation::references) of the
    /// servers' presentations, and for what those depend on, in any order.
    pub releases: &'a [Arc<Release>],
    /// Why there may be releases that are not among these, in a few words that refusals
    /// quote; none if all that there is was found.
    pub gap: Option<&'a str>,
    /// Plan with at most that many servers: the nearest that have a quality which suits.
    pub most_servers: usize,
    /// Plan at most that many solutions.
    pub most_solutions: usize,
}

/// A quality level on the path to a server, as a solution has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The stages from the client's place to the server's.
    pub stages: Vec<Stage>,
    /// What the code in them stands for.
    pub releases: Releases,
}

/// Why a quality level cannot be planned on the path to a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoOffer {
    /// There is no path: the server is in another tree.
    #[error("{0} is in another tree")]
    NoPath(PlaceName),
    /// The demands of a place do not add up.
    #[error(transparent)]
    Demand(#[from] ResourceError),
    /// There is no code for it.
    #[error(transparent)]
    Code(#[from] Conflict),
}

impl<'a> Question<'a> {
    /// What chooses the code of quality levels. Make one for all levels that are looked
    /// at: its work is bounded, and what it was asked before costs nothing.
    #[must_use]
    pub fn resolver(&self) -> Resolver<'a> {
        Resolver::new(self.releases).with_gap(self.gap)
    }

    /// The stages of a quality level on the path from the client's place to a server:
    /// what every place of it has to book, and the components that stand there, with
    /// `name@version` for each reference to code and with all that it depends on (see
    /// [`Locked::chain`](crate::Locked::chain)).
    ///
    /// # Errors
    /// [`NoOffer`] says why there are none.
    pub fn offer(
        &self,
        server: &PlaceName,
        quality: &Quality,
        resolver: &mut Resolver<'_>,
    ) -> Result<Offer, NoOffer> {
        let path = ServicePath::new(self.client, self.client_is_default_place, server)
            .ok_or_else(|| NoOffer::NoPath(server.clone()))?;
        let references: Vec<_> = quality.references().collect();
        let locked = resolver.lock(&references)?;
        Ok(Offer {
            stages: path.stages(quality, &locked)?,
            releases: locked.releases(),
        })
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NoPlan {
    /// Nobody holds the title.
    #[error("no server in the tree holds `{title}`")]
    NoServer {
        /// The title asked for.
        title: String,
    },
    /// Nobody is known here who holds the title, and not everybody who may has answered.
    #[error("no server of `{title}` is known here, and {why}; try again")]
    Unanswered {
        /// The title asked for.
        title: String,
        /// Why there was no answer.
        why: String,
    },
    /// The profile does not allow the title.
    #[error("{user} may not open `{title}`")]
    NotAllowed {
        /// Who asked.
        user: String,
        /// The title asked for.
        title: String,
    },
    /// No quality level suits the profile.
    #[error("no quality of `{title}` suits {user}: {why}")]
    NothingSuits {
        /// Who asked.
        user: String,
        /// The title asked for.
        title: String,
        /// What ruled the last ones out.
        why: String,
    },
}

/// A strategy for making plans. Implementations are pure: equal questions give equal
/// plans.
pub trait DecisionMaker: Send + Sync {
    /// The name that a request selects it by.
    fn name(&self) -> &'static str;

    /// Makes the plan.
    ///
    /// # Errors
    /// [`NoPlan`] says why nothing could be planned.
    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan>;
}

/// The strategies that come with Waybook; the first is the default.
#[must_use]
pub fn builtin_decision_makers() -> Vec<Arc<dyn DecisionMaker>> {
    vec![
        Arc::new(Nearest),
        Arc::new(BestQuality),
        Arc::new(LeastLoaded),
    ]
}
