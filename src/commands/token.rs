//! `waybook token`: who may ask what of a place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::json;
use waybook_client::model::{Right, SpanForm, TokenForm, TokenInfo};
use waybook_location_tree::PlaceName;
use waybook_plan::format_duration;

use super::span;
use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// What the help of each ends with.
const SHOWN: &str = "\
Whoever has a token shows it with WAYBOOK_TOKEN or `--token-file FILE`, and says where the place's
control API is with `--url` (`waybook page` prints that), or sends it as
`Authorization: Bearer TOKEN`.";

/// Make, list and revoke tokens of a place's control API
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token, and print it, once
    Create(Create),
    /// List a place's tokens
    List(List),
    /// Let nobody in with a token any more
    Revoke(Revoke),
}

impl Token {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        match self {
            Self::Create(command) => command.run(global).await,
            Self::List(command) => command.run(global).await,
            Self::Revoke(command) => command.run(global).await,
        }
    }
}

/// Makes a token for a place's control API, and prints it. The place keeps only its digest.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  waybook token create ci --may publish --at core > ci.token
  waybook token create tv --may open --user ann --valid 90d --at core/bologna/lab

What it may do: read (always), open (sessions), publish (presentations, components), operate (all
else). A token that is bound to a user opens and closes sessions of that user only.
Through the tree, a request may do what its token may, as far as `[api.remote]` of the place that
answers lets the place that was asked. Made with `--at` through other places, its text passes them.

{SHOWN}"))]
pub(crate) struct Create {
    /// What it is called
    name: String,
    /// What it is good for: read, open, publish, operate
    #[arg(long, required = true, value_name = "RIGHT,...", value_delimiter = ',', value_parser = right)]
    may: Vec<Right>,
    /// Whom it is bound to
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// How long it holds; without it, until it is revoked
    #[arg(long, value_name = "TIME", value_parser = span)]
    valid: Option<Duration>,
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Create {
    async fn run(&self, global: &Global) -> Done {
        let form = TokenForm {
            name: self.name.clone(),
            may: self.may.clone(),
            user: self.user.clone(),
            valid: self
                .valid
                .map(|valid| SpanForm::Text(format_duration(valid))),
        };
        let made = global
            .client_of(self.at.as_ref())?
            .create_token(&form)
            .await?;
        if global.json {
            return show::json(&made);
        }
        // For people, and out of the way of what is redirected.
        eprintln!(
            "{}\nThis is shown once, and kept nowhere:",
            sentence(&made.token)
        );
        show::line(&made.text)
    }
}

/// Lists a place's tokens, but for that of its data folder. Their texts are not kept.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook token list --at core")]
pub(crate) struct List {
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl List {
    async fn run(&self, global: &Global) -> Done {
        let tokens = global.client_of(self.at.as_ref())?.tokens().await?;
        if global.json {
            return show::json(&tokens);
        }
        let rows = tokens.iter().map(|token| {
            vec![
                token.name.clone(),
                rights(token),
                token.user.clone().unwrap_or_else(|| "-".to_owned()),
                holds(token),
                waybook_daemon::rfc3339(token.created)[..10].to_owned(),
                token.by.clone(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let headings = ["token", "may", "user", "holds", "made", "by"];
        show::table(
            &headings,
            &rows,
            "there is no token but that of the data folder",
        )
    }
}

/// Lets nobody in with a token any more, at once and for good.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook token revoke ci --at core

Sessions that were opened with it stay, and so do answers that are under way.")]
pub(crate) struct Revoke {
    /// The token's name
    name: String,
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Revoke {
    async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        client.revoke_token(&self.name).await?;
        if global.json {
            return show::json(&json!({ "revoked": self.name }));
        }
        show::line(&format!("revoked `{}`", self.name))
    }
}

fn right(text: &str) -> Result<Right, String> {
    match text {
        "read" => Ok(Right::Read),
        "open" => Ok(Right::Open),
        "publish" => Ok(Right::Publish),
        "operate" => Ok(Right::Operate),
        _ => Err("it is read, open, publish or operate".to_owned()),
    }
}

fn rights(token: &TokenInfo) -> String {
    let word = |right: &Right| match right {
        Right::Read => "read",
        Right::Open => "open",
        Right::Publish => "publish",
        Right::Operate => "operate",
    };
    let words: Vec<_> = token.may.iter().map(word).collect();
    words.join(",")
}

/// For how long a token is good.
fn holds(token: &TokenInfo) -> String {
    let Some(end) = token.expires else {
        return "until revoked".to_owned();
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = u128::from(end).saturating_sub(now.unwrap_or_default().as_millis());
    let day = waybook_daemon::rfc3339(end)[..10].to_owned();
    match left {
        _ if token.expired => format!("expired {day}"),
        0..172_800_000 => format!("{} h", left / 3_600_000),
        _ => format!("until {day}"),
    }
}

fn sentence(token: &TokenInfo) -> String {
    let user = match &token.user {
        Some(user) => format!(" for {user}"),
        None => String::new(),
    };
    let (name, may, holds) = (&token.name, rights(token), holds(token));
    format!("`{name}` is good for {may}{user}, {holds}.")
}
