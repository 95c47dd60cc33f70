//! `waybook component`: code that is brought to the places that need it.

mod add;
mod held;
mod key;
mod manage;
mod package;

use clap::Subcommand;

pub(crate) use key::publisher;

use crate::fail::Done;
use crate::find::Global;

/// Components.
#[derive(Subcommand)]
pub(crate) enum Component {
    /// Add a component at a place, which keeps it for all others
    Add(add::Add),
    /// List components, and who holds them
    List(held::List),
    /// Show all about a component
    Inspect(held::Inspect),
    /// Remove a component from a place
    Remove(manage::Remove),
    /// Keep a component at a place whatever happens
    Pin(manage::Pin),
    /// Keep a component no longer than there is room
    Unpin(manage::Unpin),
    /// Fetch a component to a place before a session needs it
    Prefetch(manage::Prefetch),
    /// Drop what a place fetched and nobody uses
    Gc(manage::Gc),
    /// Show or change how a place looks for code
    Strategy(manage::Strategy),
    /// Make a publisher's key
    Keygen(key::Keygen),
    /// Sign a component, to be added later
    Sign(key::Sign),
}

impl Component {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        match self {
            Self::Add(command) => command.run(global).await,
            Self::List(command) => command.run(global).await,
            Self::Inspect(command) => command.run(global).await,
            Self::Remove(command) => command.run(global).await,
            Self::Pin(command) => command.run(global).await,
            Self::Unpin(command) => command.run(global).await,
            Self::Prefetch(command) => command.run(global).await,
            Self::Gc(command) => command.run(global).await,
            Self::Strategy(command) => command.run(global).await,
            Self::Keygen(command) => command.run(global),
            Self::Sign(command) => command.run(global),
        }
    }
}
