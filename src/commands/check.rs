//! `waybook check`: reads files as the commands and daemons do, and changes nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use waybook_daemon::config::check_file;

use super::sim;
use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Checks files.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook check configs/demo/topology.toml
  waybook check configs/*/*.toml
  waybook check components/cap-quality/component.toml

Of what kind a file is, is seen by what is in it. Nothing is started or changed.")]
pub(crate) struct Check {
    /// The files, of any kind: places, topologies, presentations, profiles, components,
    /// scenarios, sweeps
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Which kind of file it is; or what is wrong with it.
fn kind(file: &Path) -> Result<String, Vec<String>> {
    // A file that cannot be read is told of below.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    match sim::check(file, &text) {
        Some(Ok(kind)) => Ok(kind.to_owned()),
        Some(Err(fail)) => Err(vec![fail.into_message()]),
        None => match check_file(file) {
            Ok(kind) => Ok(kind.to_string()),
            Err(error) => Err(error.problems),
        },
    }
}

impl Check {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let mut wrong = 0;
        let mut report = Vec::new();
        for file in &self.files {
            let (kind, problems) = match kind(file) {
                Ok(kind) => (Some(kind), Vec::new()),
                Err(problems) => (None, problems),
            };
            wrong += usize::from(kind.is_none());
            if global.json {
                report.push(json!({ "file": file, "kind": kind, "problems": problems }));
            } else if let Some(kind) = kind {
                let good = paint(Color::Green, "good");
                show::line(&format!("{}: {good} ({kind})", file.display()))?;
            } else {
                problems
                    .iter()
                    .try_for_each(|problem| show::line(problem))?;
            }
        }
        if global.json {
            show::json(&report)?;
        }
        if wrong > 0 {
            let of = self.files.len();
            return Err(Fail::new(
                Exit::Usage,
                format!("{wrong} of {of} files are wrong"),
            ));
        }
        Ok(())
    }
}
