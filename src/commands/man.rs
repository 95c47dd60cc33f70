//! `waybook man`: the manual pages of all commands.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::cli::Cli;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Writes the manual pages of all commands, or prints one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook man open | man -l -                    # one page, as `man` shows it
  waybook man --out ~/.local/share/man/man1      # all of them; then `man waybook-open` finds its own

The Debian package brings them along.")]
pub(crate) struct Man {
    /// The command, such as `sim run` [default: waybook itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Write all pages to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Does it.
    pub(crate) fn run(self, global: &Global) -> Done {
        let mut root = Cli::command();
        root.build();
        let Some(folder) = &self.out else {
            let command = find(&root, &self.command)?;
            return show::bytes(&page(command)?);
        };
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |error: io::Error| Fail::failed(format!("{what}: {error}"))
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut written = Vec::new();
        write_all(&root, folder, &mut written)?;
        if global.json {
            return show::json(&written);
        }
        show::line(&format!(
            "{} pages are in {}",
            written.len(),
            folder.display()
        ))
    }
}

/// The command that those words name.
fn find<'a>(root: &'a Command, words: &[String]) -> Done<&'a Command> {
    let mut command = root;
    for word in words {
        let below: Vec<_> = below(command).collect();
        let found = below.iter().find(|command| command.get_name() == word);
        command = found.ok_or_else(|| {
            let names = below
                .iter()
                .map(|command| format!("`{}`", command.get_name()));
            let there = match below.is_empty() {
                true => "it has none below it".to_owned(),
                false => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            let name = display_name(command);
            Fail::usage(format!("`{word}` is no command of {name}: {there}"))
        })?;
    }
    Ok(command)
}

fn write_all(command: &Command, folder: &Path, written: &mut Vec<String>) -> Done {
    let name = format!("{}.1", display_name(command));
    let file = folder.join(&name);
    fs::write(&file, page(command)?)
        .map_err(|error| Fail::failed(format!("{}: {error}", file.display())))?;
    written.push(name);
    for command in below(command) {
        write_all(command, folder, written)?;
    }
    Ok(())
}

/// The commands below one, but for the one that explains the others.
fn below(command: &Command) -> impl Iterator<Item = &Command> {
    let below = command.get_subcommands();
    below.filter(|command| command.get_name() != "help")
}

/// As a page is called: `waybook-sim-run`.
fn display_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Done<Vec<u8>> {
    let mut page = Vec::new();
    let made = Page::new(command.clone())
        .source(concat!("waybook ", env!("CARGO_PKG_VERSION")))
        .manual("Waybook")
        .render(&mut page);
    made.map_err(Fail::failed)?;
    Ok(page)
}
