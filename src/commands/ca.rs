//! `waybook ca`: the authority of a tree, and its places' certificates.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY, Which};
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
    /// Certify a place again, with the key that it has
    Renew(Renew),
    /// Put certificates on the list of those that neighbours refuse
    Revoke(Revoke),
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

/// Certifies a place again, with the key that it has.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook ca renew core/bologna/lab
  waybook ca renew core/bologna/lab --out /var/lib/waybook/identity --validity \"90 d\"

Replaces `place.crt` in the folder, and nothing else; `place.key` need not be there. A place that
runs with that file takes it up by itself within a minute, at once with `waybook place reload`.")]
pub(crate) struct Renew {
    /// The place's name
    name: PlaceName,
    /// The authority's folder
    #[arg(long, value_name = "DIR", default_value = "ca")]
    ca: PathBuf,
    /// Where `place.crt` is; by default a folder named after the place
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How long the certificate holds [default: a year]
    #[arg(long, value_name = "TIME", value_parser = validity)]
    validity: Option<Duration>,
}

/// Puts certificates on the list of those that neighbours refuse.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook ca revoke core/bologna/lab                  # all that were issued for it
  waybook ca revoke core/bologna --authority          # those of an authority, and so all below
  waybook ca revoke --certificate old/place.crt

Writes `revoked.crl` in the authority's folder, with all that was revoked before. A place goes by it
when it lies in its folder `identity`, beside `authority.crt`: the parent of a place has to have it,
and the children. They take it up within a minute, at once with `waybook place reload`, and cut a
neighbour off that is on it.")]
pub(crate) struct Revoke {
    /// The place's name
    #[arg(
        required_unless_present = "certificate",
        conflicts_with = "certificate"
    )]
    name: Option<PlaceName>,
    /// The authority's folder
    #[arg(long, value_name = "DIR", default_value = "ca")]
    ca: PathBuf,
    /// Revoke the authority that is limited to that place and all below it
    #[arg(long, conflicts_with = "certificate")]
    authority: bool,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

/// Reads for how long a certificate holds.
fn validity(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err("a certificate must hold for some time".to_owned()),
        time => Ok(time),
    }
}

/// Opens an authority's folder.
fn load(ca: &Path) -> Done<Authority> {
    Authority::load(ca)
        .map_err(|error| Fail::usage(format!("{error} (`waybook ca init` makes an authority)")))
}

/// Where a place's files are.
fn folder(out: Option<&Path>, name: &PlaceName, kind: &str) -> PathBuf {
    let default = || PathBuf::from(format!("{}{kind}", name.as_str().replace('/', ".")));
    out.map_or_else(default, Path::to_owned)
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
            Self::Renew(renew) => renew.run(global),
            Self::Revoke(revoke) => revoke.run(global),
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
        let authority = load(&self.ca)?;
        let kind = if self.authority { "-ca" } else { "" };
        let out = folder(self.out.as_deref(), &self.name, kind);
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

impl Renew {
    fn run(&self, global: &Global) -> Done {
        let authority = load(&self.ca)?;
        let out = folder(self.out.as_deref(), &self.name, "");
        let validity = self.validity.unwrap_or(DEFAULT_VALIDITY);
        authority
            .renew(&self.name, &out, validity)
            .map_err(Fail::failed)?;
        if global.json {
            return show::json(&json!({ "name": self.name, "folder": out }));
        }
        show::line(&format!(
            "certified {} again in {}",
            self.name,
            out.display()
        ))
    }
}

impl Revoke {
    fn run(&self, global: &Global) -> Done {
        let authority = load(&self.ca)?;
        let which = match (&self.certificate, &self.name) {
            (Some(file), _) => Which::File(file.clone()),
            (None, Some(name)) if self.authority => Which::Authority(name.clone()),
            (None, Some(name)) => Which::Place(name.clone()),
            (None, None) => return Err(Fail::usage("name a place, or a `--certificate`")),
        };
        let done = authority.revoke(&which).map_err(Fail::failed)?;
        let list = done.list.display();
        if global.json {
            return show::json(&json!({
                "list": done.list, "added": done.added, "revoked": done.all,
            }));
        }
        show::line(&format!(
            "{list} lists {} revoked certificates, {} of them new",
            done.all, done.added
        ))?;
        show::line("copy it into the folder `identity` of the places that are to refuse them")
    }
}
