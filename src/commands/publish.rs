//! `waybook publish`: lets a place serve presentations.

use std::path::PathBuf;

use clap::Args;
use waybook_location_tree::PlaceName;
use waybook_plan::Presentation;

use super::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Lets a place serve presentations.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook publish film.toml --at core/milano/media
  waybook publish film.toml                # at the servers that the file names

Publishing a title again replaces it; established sessions stay as they are.")]
pub(crate) struct Publish {
    /// Presentation files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The place that serves them; without it, those that the files name as servers
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Publish {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        // All files are read before anything is published.
        let mut jobs = Vec::new();
        for file in &self.files {
            let text = read_file(file)?;
            let presentation = Presentation::from_toml(&text)
                .map_err(|error| Fail::usage(format!("{}: {error}", file.display())))?;
            let servers = match (&self.at, presentation.servers) {
                (Some(at), _) => vec![Some(at.clone())],
                (None, servers) if !servers.is_empty() => servers.into_iter().map(Some).collect(),
                (None, _) if global.is_one() => vec![None],
                (None, _) => {
                    return Err(Fail::usage(format!(
                        "{} names no servers: say which place serves it, with `--at PLACE`",
                        file.display()
                    )));
                }
            };
            jobs.push((file, text, servers));
        }
        let mut published = Vec::new();
        for (file, text, servers) in &jobs {
            for server in servers {
                let client = global.client(server.as_ref())?;
                let entry = client.publish(text).await;
                let entry = entry.map_err(|error| Fail::from(error).during(file.display()))?;
                if !global.json {
                    let qualities: Vec<_> = entry.qualities.iter().map(|q| &*q.name).collect();
                    show::line(&format!(
                        "{} serves `{}`: {}",
                        entry.server,
                        entry.title,
                        qualities.join(", ")
                    ))?;
                }
                published.push(entry);
            }
        }
        if global.json {
            return show::json(&published);
        }
        Ok(())
    }
}
