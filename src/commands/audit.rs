//! `waybook audit`: what was changed at a place, and by whom.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use waybook_client::AuditQuery;
use waybook_client::model::{AuditInfo, AuditResult};
use waybook_location_tree::PlaceName;

use super::span;
use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Shows what was changed at a place, when, by whom and from where.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook audit --at core
  waybook audit --at core --since 2h
  waybook audit --at core --follow --json      # one line for each change

Sessions are not in it: opening and closing them changes nothing about the place. The latest 1000
changes are shown; all that is kept is in the folder `audit` of the place's data folder.")]
pub(crate) struct Audit {
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
    /// Only what was changed in the last so long
    #[arg(long, value_name = "TIME", value_parser = span)]
    since: Option<Duration>,
    /// Go on with what is changed from now on
    #[arg(long)]
    follow: bool,
}

impl Audit {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = match self.since {
            Some(since) => now.unwrap_or_default().saturating_sub(since).as_millis(),
            None => 0,
        };
        let mut query = AuditQuery {
            since: u64::try_from(since).unwrap_or(u64::MAX),
            ..AuditQuery::default()
        };
        loop {
            let entries = client.audit(query).await?;
            for entry in &entries {
                query.after = entry.number;
                match global.json {
                    true => show::json_line(entry)?,
                    false => show::line(&sentence(entry))?,
                }
            }
            if !self.follow {
                if entries.is_empty() && !global.json {
                    show::line("nothing was changed")?;
                }
                return Ok(());
            }
            query.wait = true;
        }
    }
}

fn sentence(entry: &AuditInfo) -> String {
    let time = entry.at.get(..19).unwrap_or(&entry.at).replace('T', " ");
    let on = entry.on.as_ref().map(|on| format!(" {on}"));
    let user = entry.user.as_ref().map(|user| format!(" for {user}"));
    let elsewhere = entry.origin != entry.place;
    let origin = elsewhere.then(|| format!(" of {}", entry.origin));
    let from = Some(&entry.from).filter(|from| !from.is_empty());
    let from = from.map(|from| format!(" from {from}"));
    let why = entry.why.as_ref().map(|why| format!(": {why}"));
    let failed = match entry.result {
        AuditResult::Done => String::new(),
        AuditResult::Failed => format!(", failed{}", why.unwrap_or_default()),
    };
    format!(
        "{time}  {}{}  by {}{}{}{}{failed}",
        entry.what,
        on.unwrap_or_default(),
        entry.token,
        user.unwrap_or_default(),
        origin.unwrap_or_default(),
        from.unwrap_or_default(),
    )
}
