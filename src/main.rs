//! The `waybook` command.
//!
//! It is a client of the places' control API like any other; only `place run` is a place.

mod cli;
mod commands;
mod fail;
mod find;
mod log;
mod show;
mod sparing;
mod up_state;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => fail.report(json),
    }
}
