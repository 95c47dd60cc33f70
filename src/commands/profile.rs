//! `waybook profile`: what is known of users.

use clap::{Args, Subcommand};
use waybook_client::model::{ProfileInfo, ProfileSource};
use waybook_location_tree::PlaceName;
use waybook_plan::{User, format_bandwidth};

use crate::fail::Done;
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Show users' profiles
#[derive(Subcommand)]
pub(crate) enum Profile {
    /// Show a user's profile, and from where a place has it
    Show(Show),
}

impl Profile {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        match self {
            Self::Show(command) => command.run(global).await,
        }
    }
}

/// Shows a user's profile as a place would use it for that user's sessions.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook profile show ann --at core/bologna
  waybook profile show ann@core/bologna --at core/bologna/lab

The first is a user of the place that is asked: a file in the folder `profiles` of its data folder.
The second is the user `ann` of core/bologna, whom any place can ask for; it keeps a copy, whose age
is shown.")]
pub(crate) struct Show {
    /// The user
    #[arg(value_parser = user)]
    user: User,
    /// The place to ask
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

/// Reads a user's name.
pub(super) fn user(text: &str) -> Result<User, String> {
    User::new(text).map_err(|error| error.to_string())
}

impl Show {
    async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let profile = client.profile(&self.user.to_string()).await?;
        if global.json {
            return show::json(&profile);
        }
        print(&profile)
    }
}

fn print(profile: &ProfileInfo) -> Done {
    let field = |name: &str, value: &str| show::line(&format!("{name:13} {value}"));
    field("user", &profile.user)?;
    field("home", &profile.home)?;
    field("known", &known(profile))?;
    if let Some(problem) = &profile.problem {
        field("", problem)?;
    }
    field(
        "best quality",
        profile.best_quality.as_deref().unwrap_or("any"),
    )?;
    let bandwidth = profile.terminal_bandwidth.map(format_bandwidth);
    field("terminal", bandwidth.as_deref().unwrap_or("any bandwidth"))?;
    let titles = match &*profile.may_open {
        [] => "nothing".to_owned(),
        all if all.iter().any(|pattern| pattern == "*") => "every title".to_owned(),
        some => some.join(", "),
    };
    field("may open", &titles)
}

/// From where it is.
fn known(profile: &ProfileInfo) -> String {
    let age = profile.age.as_ref().map_or("", |age| age.text.as_str());
    match profile.source {
        ProfileSource::Home => "from its home, now".to_owned(),
        ProfileSource::Copy => format!("as a copy, {age} old"),
        ProfileSource::Stale => paint(
            Color::Yellow,
            &format!("as a stale copy, {age} old: its home cannot be asked"),
        ),
    }
}
