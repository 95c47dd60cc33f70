//! Code that is brought along: releases, where they are, and how they come.

use serde::{Deserialize, Serialize};

use super::Quantity;

/// One version of a component as somebody released it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseInfo {
    /// What presentations call it by.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// For people.
    pub description: String,
    /// The world that its binary targets: the runtime that it needs.
    pub runtime: String,
    /// Capabilities that a place must offer to run it.
    pub requires: Vec<String>,
    /// Components that stand right behind it in the chain, as `name@range`.
    pub dependencies: Vec<String>,
    /// The SHA-256 of the binary: what identifies it everywhere.
    pub digest: String,
    /// The binary's length.
    pub length: Quantity,
    /// The place that it was added at.
    pub home: String,
    /// The public key of who signed it.
    pub publisher: Option<String>,
}

/// Code: here, elsewhere in the locality, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeInfo {
    /// What it is.
    pub release: ReleaseInfo,
    /// How it stands with it at the place that was asked; none if it is not there.
    pub here: Option<HereInfo>,
    /// The places of the locality that are known to hold it whole.
    pub holders: Vec<HolderInfo>,
}

/// Code at one place: held, or on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HereInfo {
    /// Whether an operator added it here; else it was fetched.
    pub added: bool,
    /// Whether it is kept whatever happens.
    pub pinned: bool,
    /// Instances that run it here, or wait for it.
    pub instances: usize,
    /// What is here and verified: all of it, if it is held whole.
    pub bytes: Quantity,
    /// Whether it is whole.
    pub whole: bool,
    /// The place that it is being read from; none unless it is on its way.
    pub from: Option<String>,
}

/// A place that holds code whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderInfo {
    /// The place.
    pub place: String,
    /// Whether an operator added it there; else it was fetched.
    pub added: bool,
}

/// All that a place knows of some code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDetail {
    /// What and where it is.
    pub code: CodeInfo,
    /// The root of the tree that its chunks are verified against: the binary's BLAKE3, in
    /// hexadecimal digits.
    pub root: String,
    /// The publisher's signature, in hexadecimal digits.
    pub signature: Option<String>,
    /// Whether this place would run it.
    pub trusted: bool,
    /// Why, or why not.
    pub trust: String,
    /// The sessions that it runs for here.
    pub sessions: Vec<String>,
}

/// How far a transfer of code to the place has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferInfo {
    /// The place that it comes to.
    pub place: String,
    /// The component, as `name@version`.
    pub component: String,
    /// The place that it comes from; none while a source is sought.
    pub from: Option<String>,
    /// Bytes that are here and verified.
    pub bytes: u64,
    /// Bytes in all.
    pub length: u64,
    /// How many of the bytes were here before it was asked for.
    pub before: u64,
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefetchForm {
    /// As in a presentation: `name`, `name@version` or `name@range`.
    pub reference: String,
}

/// How the place's download agents are to look for code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyForm {
    /// The strategy's name.
    pub strategy: String,
}

/// How the place's download agents look for code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyInfo {
    /// The place.
    pub place: String,
    /// The strategy of the agents that are launched from now on.
    pub strategy: String,
    /// All that there are.
    pub known: Vec<String>,
}
