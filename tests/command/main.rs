//! The `waybook` command as a person and a program see it.

mod component;
mod inputs;
mod notebook;
mod player;
mod session;
mod sim;

use std::path::Path;
use std::process::{Command, Output};

/// The command, with nothing of this process's settings.
fn waybook(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybook"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("WAYBOOK_") {
            command.env_remove(key);
        }
    }
    command
        .current_dir(home)
        .env_remove("XDG_STATE_HOME")
        .env("NO_COLOR", "1");
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    waybook(home)
        .args(arguments)
        .output()
        .expect("waybook runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}
