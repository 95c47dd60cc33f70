//! `waybook component list` and `inspect`: what is held where.

use clap::Args;
use serde_json::json;
use waybook_client::model::{CodeDetail, CodeInfo, HereInfo};
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Lists components.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component list                             # at the places that run here
  waybook component list --at core/bologna           # at one place
  waybook component list --everywhere                # who holds what in the whole tree
  waybook component list --everywhere --at core/milano")]
pub(crate) struct List {
    /// Only this place; with `--everywhere`, its locality
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
    /// Who holds what
    #[arg(long)]
    everywhere: bool,
}

/// Shows a component.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component inspect cap-quality                    # the newest version
  waybook component inspect cap-quality@1.0.0 --at core/bologna
  waybook component inspect sha256:0123456789ab")]
pub(crate) struct Inspect {
    /// `name@version`, `name`, or `sha256:` and at least six digits
    #[arg(value_name = "REF")]
    reference: String,
    /// The place to ask [default: the topmost that runs here]
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl List {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        if self.everywhere {
            return self.everywhere(global).await;
        }
        let mut all = Vec::new();
        for client in global.clients(self.at.as_ref())? {
            all.push((client.place().await?.name, client.components(false).await?));
        }
        if global.json {
            let all: Vec<_> = all
                .iter()
                .map(|(place, held)| json!({ "place": place, "components": held }))
                .collect();
            return show::json(&all);
        }
        let mut rows = Vec::new();
        for (place, held) in &all {
            for code in held {
                let mut row = vec![place.clone()];
                row.extend(columns(code));
                let state = code.here.as_ref().map(|here| state(code, here));
                row.push(state.unwrap_or_default());
                let instances = code.here.as_ref().map(|here| here.instances.to_string());
                row.push(instances.unwrap_or_default());
                rows.push(row);
            }
        }
        let headings = ["PLACE", "COMPONENT", "SIZE", "DIGEST", "STATE", "INSTANCES"];
        show::table(&headings, &rows, "no components")
    }

    async fn everywhere(&self, global: &Global) -> Done {
        let all = global.client(self.at.as_ref())?.components(true).await?;
        if global.json {
            return show::json(&all);
        }
        let rows: Vec<_> = all
            .iter()
            .map(|code| {
                let mut row = columns(code);
                row.push(holders(code));
                row
            })
            .collect();
        show::table(
            &["COMPONENT", "SIZE", "DIGEST", "HELD AT"],
            &rows,
            "no components",
        )
    }
}

fn columns(code: &CodeInfo) -> Vec<String> {
    let release = &code.release;
    vec![
        release.reference.clone(),
        release.length.text.clone(),
        release.digest.chars().take("sha256:".len() + 12).collect(),
    ]
}

/// The places that hold it; where it was added stands first.
fn holders(code: &CodeInfo) -> String {
    let mut holders: Vec<_> = code.holders.iter().collect();
    holders.sort_by_key(|holder| (!holder.added, &holder.place));
    let holders = holders.iter().map(|holder| {
        let added = if holder.added { " (added)" } else { "" };
        format!("{}{added}", holder.place)
    });
    let holders: Vec<_> = holders.collect();
    if holders.is_empty() {
        return "-".to_owned();
    }
    holders.join(", ")
}

/// How it stands with code at a place.
fn state(code: &CodeInfo, here: &HereInfo) -> String {
    let share = || {
        let (bytes, length) = (here.bytes.amount, code.release.length.amount.max(1));
        u128::from(bytes) * 100 / u128::from(length)
    };
    let mut state = match (&here.from, here.whole, here.added) {
        (Some(from), false, _) => format!("{} % from {from}", share()),
        (None, false, _) => format!("{} %", share()),
        (_, true, true) => "added".to_owned(),
        (_, true, false) => "fetched".to_owned(),
    };
    if here.pinned {
        state.push_str(", pinned");
    }
    state
}

impl Inspect {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client(self.at.as_ref())?;
        let detail = client.component(&self.reference).await?;
        if global.json {
            return show::json(&detail);
        }
        print(&detail)
    }
}

fn print(detail: &CodeDetail) -> Done {
    let (code, release) = (&detail.code, &detail.code.release);
    let or = |list: &[String], nothing: &str| match list {
        [] => nothing.to_owned(),
        list => list.join(", "),
    };
    let color = if detail.trusted {
        Color::Green
    } else {
        Color::Red
    };
    let trusted = if detail.trusted { "yes" } else { "no" };
    let here = match &code.here {
        Some(here) => {
            let one = if here.instances == 1 { "" } else { "s" };
            format!("{}, {} instance{one}", state(code, here), here.instances)
        }
        None => "no".to_owned(),
    };
    let size = format!("{} ({} bytes)", release.length.text, release.length.amount);
    for (name, value) in [
        ("component", paint(Color::Bold, &release.reference)),
        ("about", or(std::slice::from_ref(&release.description), "")),
        ("runtime", release.runtime.clone()),
        ("requires", or(&release.requires, "nothing")),
        ("depends on", or(&release.dependencies, "nothing")),
        ("digest", release.digest.clone()),
        ("root", format!("blake3:{}", detail.root)),
        ("size", size),
        ("home", release.home.clone()),
        (
            "publisher",
            release
                .publisher
                .clone()
                .unwrap_or_else(|| "nobody".to_owned()),
        ),
        (
            "trusted",
            format!("{}: {}", paint(color, trusted), detail.trust),
        ),
        ("here", here),
        ("held at", holders(code)),
        ("runs for", or(&detail.sessions, "no session here")),
    ] {
        if !value.is_empty() {
            show::line(&format!("{name:10} {value}"))?;
        }
    }
    Ok(())
}
