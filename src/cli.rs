//! What can be written on the command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    audit, bookings, ca, check, close, completions, component, demo, down, join, links, log, man,
    open, page, place, presentations, profile, publish, session, sessions, sim, token, topology,
    trace, tree, up, why, withdraw,
};
use crate::find::Global;

/// Sends agents ahead of a session to book and build its service path.
#[derive(Parser)]
#[command(name = "waybook", version = env!("WAYBOOK_VERSION"))]
#[command(after_help = "\
Exit codes:
  0  done
  1  failed
  2  the command line, a file or a request is wrong
  3  refused: no solution could be booked, there is none, or a place is at a limit; try again later
  4  no daemon could be reached
  5  not allowed

Examples:
  waybook up configs/demo/topology.toml
  waybook publish configs/demo/film.toml
  waybook open film --at core/bologna/lab
  waybook down")]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an authority and the places' certificates
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook ca init
  waybook ca issue core/bologna/lab"
    )]
    Ca(ca::Ca),
    /// Run one place, or change one that runs
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook place run --config lab.toml
  waybook place drain core/bologna/lab --deadline \"10 min\"
  waybook place reload core/bologna/lab"
    )]
    Place(place::Place),
    /// Make a place of this machine, with a token from its parent
    Join(join::Join),
    /// Start all places of a topology on this machine
    Up(up::Up),
    /// Write the folders of a tree's machines from one file
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook topology render tree.toml --out machines"
    )]
    Topology(topology::Topology),
    /// Stop the places that `waybook up` started
    Down(down::Down),
    /// Add, list, fetch and remove components
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook component keygen publisher.pem
  waybook component add cap-quality --at core --key publisher.pem
  waybook component list --everywhere"
    )]
    Component(component::Component),
    /// Let a place serve presentations
    Publish(publish::Publish),
    /// Let a place no longer serve a presentation
    Withdraw(withdraw::Withdraw),
    /// List the presentations that can be opened
    Presentations(presentations::Presentations),
    /// Show users' profiles
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook profile show ann@core/bologna --at core/bologna/lab"
    )]
    Profile(profile::Profile),
    /// Open a session, watch it being built, and get its URL
    Open(open::Open),
    /// List sessions
    Sessions(sessions::Sessions),
    /// Show a session with every hop
    Session(session::Session),
    /// Show what took how long while a session was set up, hop by hop
    Trace(trace::Trace),
    /// Explain why a session was given what it got, or nothing
    Why(why::Why),
    /// Close a session
    Close(close::Close),
    /// Show the location tree and how its places do
    Tree(tree::Tree),
    /// Show what is booked at a place
    Bookings(bookings::Bookings),
    /// Show what came from a place's neighbours and clients, and what was refused
    Links(links::Links),
    /// Show or change what a place's daemon logs
    Log(log::Log),
    /// Print the URL of a place's page, for a browser
    Page(page::Page),
    /// Make, list and revoke tokens: who may ask what of a place
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook token create ci --may publish --at core
  waybook token list --at core
  waybook token revoke ci --at core"
    )]
    Token(token::Token),
    /// Show what was changed at a place, and by whom
    Audit(audit::Audit),
    /// Start a tree, play a film through it, fill it up, and check all of it
    Demo(demo::Demo),
    /// Experiment: run scenarios in virtual time
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook sim run configs/simulations/star.toml
  waybook sim sweep configs/simulations/load.toml --out load
  waybook sim report load

configs/simulations/scenario.toml shows every setting, docs/SIMULATOR.md what it means."
    )]
    Sim(sim::Sim),
    /// Check files of any kind: places, presentations, scenarios and the rest
    Check(check::Check),
    /// Print what a shell completes after `waybook`
    Completions(completions::Completions),
    /// Print or write manual pages
    Man(man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// `component add` has a `--version` of its own, which the one of the command itself
    /// once collided with at the first use.
    #[test]
    fn no_two_arguments_collide() {
        Cli::command().debug_assert();
    }
}
