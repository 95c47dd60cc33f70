//! `waybook ca`: the authority of a tree, and its places' certificates.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_daemon::{Existing, FileError};
use waybook_location_tree::PlaceName;

use super::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// The authority of a tree.
#[derive(Subcommand)]
pub(crate) enum Ca {
    /// Make an authority: a key and a certificate that all places of a tree trust
    Init(Init),
    /// Certify a place's name
    Issue(Issue),
}

/// Makes an authority.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook ca init
  waybook ca init --ca /etc/waybook/ca --name \"The tree of our city\"

The folder's `authority.key` can certify any place of the tree: keep it off the places.")]
pub(crate) struct Init {
    /// The authority's folder
    #[arg(long, value_name = "DIR", default_value = "ca")]
    ca: PathBuf,
    /// What it is called, for people
    #[arg(long, default_value = "Waybook")]
    name: String,
    /// How long its certificate holds
    #[arg(long, value_name = "TIME", default_value = "3650 d", value_parser = validity)]
    validity: Duration,
}

/// Certifies a place's name.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook ca issue core/bologna/lab
  waybook ca issue core/bologna/lab --out /var/lib/waybook/identity
  waybook ca issue core/bologna --authority --out bologna-ca   # certifies core/bologna and below

Writes `place.key`, `place.crt` and `authority.crt`, to be copied into the folder `identity`
of the place's data folder.")]
pub(crate) struct Issue {
    /// The place's name
    name: PlaceName,
    /// The authority's folder
    #[arg(long, value_name = "DIR", default_value = "ca")]
    ca: PathBuf,
    /// Where to write; by default a folder named after the place
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make an authority that is limited to that place and all below it
    #[arg(long)]
    authority: bool,
    /// How long the certificate holds [default: a year]
    #[arg(long, value_name = "TIME", value_parser = validity)]
    validity: Option<Duration>,
    /// Replace a certificate that is there
    #[arg(long)]
    replace: bool,
}

/// Reads for how long a certificate holds.
fn validity(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err("a certificate must hold for some time".to_owned()),
        time => Ok(time),
    }
}

/// A file was in the way, or something else went wrong.
fn there(help: &str, error: &FileError) -> Fail {
    match error.what == FileError::THERE {
        true => Fail::failed(format!("{error}: {help}")),
        false => Fail::failed(error),
    }
}

impl Ca {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        match self {
            Self::Init(init) => init.run(global),
            Self::Issue(issue) => issue.run(global),
        }
    }
}

impl Init {
    fn run(&self, global: &Global) -> Done {
        Authority::create(&self.ca, &self.name, self.validity, Existing::Keep)
            .map_err(|error| there("name another folder with `--ca`", &error))?;
        if global.json {
            return show::json(&json!({ "authority": self.ca }));
        }
        show::line(&format!("made an authority in {}", self.ca.display()))?;
        show::line(&format!(
            "certify places with `waybook ca issue NAME --ca {}`",
            self.ca.display()
        ))
    }
}

impl Issue {
    fn run(&self, global: &Global) -> Done {
        let authority = Authority::load(&self.ca).map_err(|error| {
            Fail::usage(format!("{error} (`waybook ca init` makes an authority)"))
        })?;
        let out = self.out.clone().unwrap_or_else(|| {
            let kind = if self.authority { "-ca" } else { "" };
            PathBuf::from(format!("{}{kind}", self.name.as_str().replace('/', ".")))
        });
        let validity = self.validity.unwrap_or(DEFAULT_VALIDITY);
        let existing = if self.replace {
            Existing::Replace
        } else {
            Existing::Keep
        };
        if self.authority {
            authority
                .issue_intermediate(&self.name, &out, validity, existing)
                .map(drop)
        } else {
            authority.issue(&self.name, &out, validity, existing)
        }
        .map_err(|error| there("`--replace` replaces it", &error))?;
        if global.json {
            return show::json(&json!({ "name": self.name, "folder": out }));
        }
        show::line(&format!("certified {} in {}", self.name, out.display()))
    }
}
