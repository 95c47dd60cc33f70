//! `waybook component remove`, `pin`, `unpin`, `prefetch`, `gc` and `strategy`.

use clap::Args;
use serde_json::json;
use waybook_client::FetchEvent;
use waybook_location_tree::PlaceName;

use crate::commands::transfers::Transfers;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Removes a component from a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component remove cap-quality@1.0.0 --at core/milano/media
  waybook component remove sha256:0123456789ab --at core/bologna

What other places hold stays with them. Code that runs is not removed.")]
pub(crate) struct Remove {
    #[command(flatten)]
    code: Code,
}

/// Pins a component at a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component pin cap-quality@1.0.0 --at core/bologna

Pinned code stays, whatever else wants its room.")]
pub(crate) struct Pin {
    #[command(flatten)]
    code: Code,
}

/// Pins a component no longer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component unpin cap-quality@1.0.0 --at core/bologna")]
pub(crate) struct Unpin {
    #[command(flatten)]
    code: Code,
}

/// Code at a place.
#[derive(Args)]
struct Code {
    /// `name@version`, `name`, or `sha256:` and at least six digits
    #[arg(value_name = "REF")]
    reference: String,
    /// The place that holds it
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

/// Fetches a component before a session needs it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component prefetch cap-quality --at core/bologna
  waybook component prefetch cap-quality@^1.2 --at core/bologna

Fetches the newest version that fits, with all that it depends on. Ctrl-C ends the watching,
not the transfer.")]
pub(crate) struct Prefetch {
    /// `name`, `name@version` or `name@range`
    #[arg(value_name = "REF")]
    reference: String,
    /// The place that fetches it
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

/// Drops what a place fetched and nobody uses.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component gc --at core/bologna

Drops all code that is neither pinned, nor running, nor was added there.")]
pub(crate) struct Gc {
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

/// Shows or changes how a place looks for code.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component strategy --at core/bologna
  waybook component strategy nearest-holder --at core/bologna

default-place    from the default place, which keeps it for others; then from its home
direct           from its home
nearest-holder   from the nearest place that holds it

A change counts for transfers that begin later, until the place is started again; then its
configuration does (`strategy` under `[code]`).")]
pub(crate) struct Strategy {
    /// The strategy from now on
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Remove {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.code.at.as_ref())?;
        client.remove_component(&self.code.reference).await?;
        self.code.done(global, "removed")
    }
}

impl Pin {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.code.at.as_ref())?;
        client.pin_component(&self.code.reference, true).await?;
        self.code.done(global, "pinned")
    }
}

impl Unpin {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.code.at.as_ref())?;
        client.pin_component(&self.code.reference, false).await?;
        self.code.done(global, "unpinned")
    }
}

impl Code {
    fn done(&self, global: &Global, what: &str) -> Done {
        if global.json {
            return show::json(&json!({ what: self.reference }));
        }
        show::line(&format!("{what} {}", self.reference))
    }
}

impl Prefetch {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let mut events = client.prefetch(&self.reference).await?;
        let mut transfers = Transfers::new();
        let mut came = Vec::new();
        while let Some(event) = events.next().await? {
            match event {
                FetchEvent::Progress(news) if global.json => {
                    show::json_line(&json!({ "event": "progress", "data": news }))?;
                }
                FetchEvent::Progress(news) => {
                    transfers.show(&news)?;
                    came.push(news.component);
                }
                FetchEvent::Fetched(code) if global.json => {
                    return show::json_line(&json!({ "event": "fetched", "data": code }));
                }
                FetchEvent::Fetched(code) => {
                    let there = code.iter().map(|code| &code.release.reference);
                    return there
                        .filter(|reference| !came.contains(reference))
                        .try_for_each(|reference| {
                            show::line(&format!("{reference} was there already"))
                        });
                }
                FetchEvent::Refused(problem) => {
                    return Err(Fail::problem(problem).during(&self.reference));
                }
            }
        }
        Ok(())
    }
}

impl Gc {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let dropped = client.collect_components().await?;
        if global.json {
            return show::json(&dropped);
        }
        for release in &dropped {
            show::line(&format!(
                "dropped {}, {}",
                release.reference, release.length.text
            ))?;
        }
        let bytes = dropped.iter().map(|release| release.length.amount);
        let freed = show::size(bytes.fold(0, u64::saturating_add));
        show::line(&format!("{freed} freed"))
    }
}

impl Strategy {
    /// Does it.
    pub(super) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let strategy = match &self.name {
            Some(name) => client.set_download_strategy(name).await?,
            None => client.download_strategy().await?,
        };
        if global.json {
            return show::json(&strategy);
        }
        show::line(&format!(
            "{} looks for code by {} (of {})",
            strategy.place,
            strategy.strategy,
            strategy.known.join(", ")
        ))
    }
}
