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
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.exit_code() != 0 && wants_json() => {
            return fail::Fail::command_line(&error).report(true);
        }
        Err(error) => error.exit(),
    };
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => fail.report(json),
    }
}

/// Whether programs read the answer, in a command line that is otherwise wrong.
fn wants_json() -> bool {
    let options = std::env::args_os().take_while(|argument| argument != "--");
    options.skip(1).any(|argument| argument == "--json")
}
