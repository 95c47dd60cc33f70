//! The `waybook` command as a person and a program see it.

mod backup;
mod cgroup;
mod component;
mod examples;
mod inputs;
mod install;
mod javascript;
mod join;
mod notebook;
mod operators;
mod player;
mod profiles;
mod session;
mod sim;
mod tls;
mod tokens;
mod topology;
mod trouble;

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

#[test]
fn the_version_names_the_commit() {
    let said = run(Path::new("."), &["--version"]);
    assert_eq!(code(&said), 0);
    let said = out(&said);
    let version = format!("waybook {}", env!("CARGO_PKG_VERSION"));
    let rest = said
        .trim_end()
        .strip_prefix(&version)
        .unwrap_or_else(|| panic!("{said}"));
    // Built from an archive there is none to name.
    if Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists() {
        let commit = rest
            .strip_prefix(" (")
            .and_then(|rest| rest.strip_suffix(')'));
        let commit = commit.unwrap_or_else(|| panic!("{said}"));
        assert_eq!(commit.len(), 12, "{said}");
        assert!(commit.bytes().all(|b| b.is_ascii_hexdigit()), "{said}");
    }
}
