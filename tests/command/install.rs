//! What is installed beside the command: completions, manual pages, the unit.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::{code, err, out, run};

/// The commands that `--help` lists.
fn commands(above: &[&str]) -> Vec<String> {
    let asked = run(Path::new("."), &[above, &["--help"]].concat());
    let help = out(&asked);
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let list = list.split("\n\n").next().unwrap_or_default();
    // What a long description goes on with stands further to the right.
    let commands = list.lines().filter(|line| !line.starts_with("   "));
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Runs a program of the system. Where everything is required, its lack is a failure.
fn system(program: &str, command: &mut Command) -> Option<Output> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(error) => {
            let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
            assert!(!required, "`{program}` is required here: {error}");
            eprintln!("SKIPPED: `{program}` cannot be run: {error}");
            None
        }
    }
}

#[test]
fn bash_completes_commands_and_their_options() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["completions", "bash"]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    fs::write(folder.path().join("waybook"), &made.stdout).unwrap();
    for (words, wanted) in [
        ("waybook pres", "presentations"),
        ("waybook sim anim", "animate"),
        ("waybook open --dry", "--dry-run"),
    ] {
        let script = format!(
            "source ./waybook; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _waybook waybook ${{COMP_WORDS[-1]}} ${{COMP_WORDS[-2]}}; echo ${{COMPREPLY[@]}}"
        );
        let mut bash = Command::new("bash");
        let bash = bash.current_dir(folder.path()).args(["-c", &script]);
        let Some(said) = system("bash", bash) else {
            return;
        };
        assert_eq!(out(&said).trim(), wanted, "{words}: {}", err(&said));
    }
    for shell in ["zsh", "fish"] {
        let made = run(folder.path(), &["completions", shell]);
        assert!(out(&made).contains("presentations"), "{shell}");
    }
    let unknown = run(folder.path(), &["completions", "sh"]);
    assert_eq!(code(&unknown), 2);
}

/// Every command has a page, which `man` reads without a complaint.
#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["man", "--out", "pages"]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    let mut wanted = BTreeSet::from(["waybook.1".to_owned()]);
    for command in commands(&[]) {
        for below in commands(&[&command]) {
            wanted.insert(format!("waybook-{command}-{below}.1"));
            for last in commands(&[&command, &below]) {
                wanted.insert(format!("waybook-{command}-{below}-{last}.1"));
            }
        }
        wanted.insert(format!("waybook-{command}.1"));
    }
    let pages = fs::read_dir(folder.path().join("pages")).unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    assert_eq!(pages.collect::<BTreeSet<_>>(), wanted);
    assert!(wanted.len() > 30, "{wanted:?}");

    let printed = run(folder.path(), &["man", "sim", "run"]);
    let page = fs::read(folder.path().join("pages/waybook-sim-run.1")).unwrap();
    assert!(printed.stdout == page, "printed it is another one");
    let unknown = run(folder.path(), &["man", "sim", "nothing"]);
    assert_eq!(code(&unknown), 2);
    assert!(err(&unknown).contains("`animate`"), "{}", err(&unknown));

    for page in &wanted {
        let mut man = Command::new("man");
        let man = man
            .current_dir(folder.path().join("pages"))
            .env("MANROFFSEQ", "")
            .args(["--warnings", "-l", page]);
        let Some(said) = system("man", man) else {
            return;
        };
        assert!(said.status.success(), "{page}: {}", err(&said));
        assert_eq!(err(&said), "", "{page}");
        let name = page.trim_end_matches(".1");
        assert!(out(&said).contains(name), "{page}");
    }
}

/// systemd finds nothing wrong with the unit, nor much that it could still take from the daemon.
#[test]
fn the_unit_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let unit = include_str!("../../configs/systemd/waybook@.service");
    let here = unit.replace("/usr/bin/waybook", env!("CARGO_BIN_EXE_waybook"));
    assert_ne!(unit, here);
    fs::write(folder.path().join("waybook@.service"), here).unwrap();
    for arguments in [
        &["verify", "--man=no"][..],
        &["security", "--offline=true", "--threshold=20"],
    ] {
        let mut analyze = Command::new("systemd-analyze");
        let analyze = analyze.args(arguments).arg("./waybook@.service");
        let Some(said) = system("systemd-analyze", analyze.current_dir(folder.path())) else {
            return;
        };
        assert!(
            said.status.success(),
            "{arguments:?}: {}{}",
            out(&said),
            err(&said)
        );
        if arguments[0] == "verify" {
            assert_eq!(err(&said), "");
        }
    }
}
