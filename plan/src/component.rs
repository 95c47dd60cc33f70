//! Components: the programs that stand on a service path.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What runs a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Part of the place itself: `files`, `upstream`, `relay`.
    Builtin,
    /// An ordinary server program that the operator of the place allows by name.
    Process,
    /// A WebAssembly component that is brought to the places that need it.
    Wasm,
}

/// One component of a stage, as the plan describes it.
///
/// Two components are the same, and may be shared, if all of this is equal and they
/// lead to the same next hop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component {
    /// What it is called: a builtin, or a program in the place's configuration. For code
    /// that is brought along, a reference: `name@range` in a presentation, `name@version`
    /// in a plan, where it stands for one of the plan's [releases](crate::Releases).
    pub name: String,
    /// What runs it.
    pub runtime: Runtime,
    /// Its settings, passed on as they are.
    pub config: BTreeMap<String, String>,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where on the service path a component stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// At the server's place.
    Server,
    /// At the client's place.
    Client,
    /// At the client's default place: the client's own place if it has children, else
    /// its parent; at the client's place if the path does not reach the parent.
    DefaultPlace,
    /// At every place of the path.
    EveryHop,
}
