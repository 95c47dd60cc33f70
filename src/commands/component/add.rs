//! `waybook component add`: gives a place code to keep and to offer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use waybook_client::NewCode;
use waybook_client::model::CodeInfo;
use waybook_location_tree::PlaceName;

use super::key;
use super::package::{Named, Package};
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Shorter uploads show no bar.
const SHORT: Duration = Duration::from_secs(1);

/// Adds a component at a place.
#[derive(Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  waybook component add cap-quality --at core/milano/media --key publisher.pem
  waybook component add cap-quality.wasm --at core --name cap-quality --version 1.0.0
  waybook component add cap-quality.wasm --at core     # with its component.toml beside it

DIR holds a component.toml and the binary that it names:

  name = \"cap-quality\"
  version = \"1.0.0\"
  description = \"Holds the quality down\"    # optional
  file = \"cap-quality.wasm\"                 # optional; else the name and .wasm
  requires = [\"gpu\"]                        # optional; capabilities of the place
  [dependencies]                            # optional; ranges as in Cargo.toml
  cap-log = \"^1\"

The place becomes the component's home: it keeps it, and all others of the tree can get it. A
version that was added once stands for that binary; a changed one needs a new version.")]
pub(crate) struct Add {
    /// A folder with a component.toml, or a component's binary
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// The place that keeps it
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
    /// Sign it with this private key [default: the signature beside the binary, if there is one]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Its name, in place of what is written or the binary says
    #[arg(long)]
    name: Option<String>,
    /// Its version, likewise
    #[arg(long)]
    version: Option<String>,
}

impl Add {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let key = self.key.as_deref().map(key::read).transpose()?;
        let named = Named {
            name: self.name.as_deref(),
            version: self.version.as_deref(),
        };
        let package = Package::read(&self.path, named)?;
        let signature = match &key {
            Some(key) => Some(package.sign(key)?),
            None => package.signed_ahead()?,
        };
        let client = global.client_of(self.at.as_ref())?;
        let code = NewCode {
            binary: &package.binary,
            manifest: Some(&package.manifest),
            signature: signature.as_deref(),
        };
        let added = client.add_component(code, bar(package.length())).await;
        let added = added.map_err(|error| Fail::from(error).during(package.reference()))?;
        if global.json {
            return show::json(&added);
        }
        print(&added)
    }
}

fn print(added: &CodeInfo) -> Done {
    let release = &added.release;
    show::line(&format!("{} keeps {}", release.home, release.reference))?;
    let publisher = release.publisher.as_deref().unwrap_or("nobody");
    for (name, value) in [
        ("digest", release.digest.as_str()),
        ("size", &release.length.text),
        ("runtime", &release.runtime),
        ("publisher", publisher),
    ] {
        show::line(&format!("  {name:10} {value}"))?;
    }
    Ok(())
}

/// Shows how far an upload is, once it takes its time. Off a terminal a bar shows nothing.
fn bar(length: u64) -> impl FnMut(u64) + Send + Unpin + 'static {
    let began = Instant::now();
    let mut shown: Option<ProgressBar> = None;
    move |sent| {
        if shown.is_none() && sent < length && began.elapsed() > SHORT {
            let bar = ProgressBar::new(length);
            let template = "[{bar:24}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            shown = Some(bar);
        }
        if let Some(bar) = &shown {
            bar.set_position(sent);
            if sent >= length {
                bar.finish_and_clear();
            }
        }
    }
}
