//! `waybook check`: reads files as the commands and daemons do, and changes nothing.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use waybook_daemon::config::check_file;

use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Checks files.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook check configs/demo/topology.toml
  waybook check configs/*/*.toml
  waybook check components/cap-quality/component.toml")]
pub(crate) struct Check {
    /// The files, of any kind: places, topologies, presentations, profiles, components
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Check {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let mut wrong = 0;
        let mut report = Vec::new();
        for file in &self.files {
            let (kind, problems) = match check_file(file) {
                Ok(kind) => (Some(kind.to_string()), Vec::new()),
                Err(error) => (None, error.problems),
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
