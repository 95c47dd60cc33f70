//! What is asked for, what it needs, and the plan that would provide it.
//!
//! A [`Presentation`] says what a title needs at each kind of stage, a [`Profile`]
//! what a user wants and may have. A [`DecisionMaker`] turns both, with what is known
//! of the servers, into a [`Plan`]: [`Solution`]s in strict order of preference, each
//! with one [`Stage`] for every place of its service path. Everything here is pure.

#![forbid(unsafe_code)]

mod component;
mod decision_maker;
mod file;
mod manifest;
mod plan;
mod presentation;
mod profile;
mod release;
mod resolve;
mod resource;
mod signature;
mod text;
mod units;
mod user;
mod when_cut;
mod world;

pub use component::{Component, Position, Runtime};
pub use decision_maker::{
    BestQuality, DecisionMaker, KnownServer, LeastLoaded, Load, Nearest, NoOffer, NoPlan, Offer,
    Question, builtin_decision_makers,
};
pub use manifest::{Manifest, ManifestError};
pub use plan::{Plan, PlanError, Solution, SolutionNumber, Stage, Visitor};
pub use presentation::{EdgeDemand, Presentation, PresentationError, Quality, StageDemand};
pub use profile::{Profile, ProfileError};
pub use release::{Digest, Release, ReleaseError, Releases, split_reference};
pub use resolve::{Conflict, Locked, Resolver, lock};
pub use resource::{Demand, Resource, ResourceError};
pub use signature::{PublisherKey, Signature, SigningKey};
pub use units::{
    UnitError, format_amount, format_bandwidth, format_duration, parse_amount, parse_bandwidth,
    parse_duration,
};
pub use user::{User, UserError};
pub use when_cut::{Reconcile, WhenCut};
pub use world::runs;
