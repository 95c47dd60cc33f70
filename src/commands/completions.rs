//! `waybook completions`: what a shell completes after `waybook`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::fail::Done;
use crate::show;

/// Prints what a shell completes after `waybook`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook completions bash > ~/.local/share/bash-completion/completions/waybook
  waybook completions zsh > ~/.zfunc/_waybook       # with `fpath+=~/.zfunc` before `compinit`
  waybook completions fish > ~/.config/fish/completions/waybook.fish

The Debian package brings these along.")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Does it.
    pub(crate) fn run(self) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "waybook", &mut script);
        show::bytes(&script)
    }
}
