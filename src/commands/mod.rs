//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod bookings;
pub(crate) mod ca;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod completions;
pub(crate) mod component;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod join;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod open;
pub(crate) mod page;
pub(crate) mod place;
pub(crate) mod presentations;
pub(crate) mod profile;
pub(crate) mod publish;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod sim;
pub(crate) mod token;
pub(crate) mod topology;
pub(crate) mod trace;
mod transfers;
pub(crate) mod tree;
pub(crate) mod up;
pub(crate) mod why;
pub(crate) mod withdraw;

use std::path::Path;
use std::time::Duration;

use crate::cli::{Cli, Command};
use crate::fail::{Done, Fail};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Done {
    let global = &cli.global;
    match cli.command {
        Command::Ca(command) => command.run(global),
        Command::Check(command) => command.run(global),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(global),
        Command::Down(command) => command.run(global),
        Command::Join(command) => command.run(global),
        Command::Place(command) => command.run(global),
        Command::Sim(command) => command.run(global),
        Command::Topology(command) => command.run(global),
        command => {
            // A client waits far more than it works: one thread does.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Fail::failed)?;
            runtime.block_on(async {
                match command {
                    Command::Up(command) => command.run(global).await,
                    Command::Component(command) => command.run(global).await,
                    Command::Publish(command) => command.run(global).await,
                    Command::Withdraw(command) => command.run(global).await,
                    Command::Presentations(command) => command.run(global).await,
                    Command::Profile(command) => command.run(global).await,
                    Command::Open(command) => command.run(global).await,
                    Command::Sessions(command) => command.run(global).await,
                    Command::Session(command) => command.run(global).await,
                    Command::Trace(command) => command.run(global).await,
                    Command::Why(command) => command.run(global).await,
                    Command::Close(command) => command.run(global).await,
                    Command::Tree(command) => command.run(global).await,
                    Command::Bookings(command) => command.run(global).await,
                    Command::Links(command) => command.run(global).await,
                    Command::Log(command) => command.run(global).await,
                    Command::Page(command) => command.run(global).await,
                    Command::Audit(command) => command.run(global).await,
                    Command::Token(command) => command.run(global).await,
                    Command::Demo(command) => command.run(global).await,
                    Command::Ca(_)
                    | Command::Check(_)
                    | Command::Completions(_)
                    | Command::Man(_)
                    | Command::Down(_)
                    | Command::Join(_)
                    | Command::Place(_)
                    | Command::Sim(_)
                    | Command::Topology(_) => Ok(()),
                }
            })
        }
    }
}

/// Reads a length of time that a person wrote, such as `15 s`.
fn span(text: &str) -> Result<Duration, String> {
    waybook_plan::parse_duration(text).map_err(|error| error.message)
}

/// Reads a file that a person named.
pub(crate) fn read_file(path: &Path) -> Done<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Fail::usage(format!("{}: {error}", path.display())))
}
