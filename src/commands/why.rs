//! `waybook why`: explains what became of a request.

use clap::Args;
use waybook_client::Client;
use waybook_client::model::{EndInfo, RefusalInfo, SetupDetail, SetupInfo, SolutionInfo};
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Explains why a session was given what it got, or nothing, and why it is over.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook why 3f2a...                        # a session, standing, over or refused
  waybook why my-key --at core/bologna/lab   # a request, by the key that it was opened with
  waybook why                                # the latest request of the places that run here

The beginning of a session's number or of a key is enough, if only one begins so. A place remembers
the latest requests of this run (its setting `trace.keep`). What an open would do now says
`waybook open TITLE --at PLACE --dry-run`.")]
pub(crate) struct Why {
    /// The session's number, or the request's key [default: the latest request]
    #[arg(value_name = "SESSION|REQUEST")]
    id: Option<String>,
    /// The client's place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Why {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let (client, setup) = find(global, self.at.as_ref(), self.id.as_deref()).await?;
        let detail = match &setup.session {
            Some(session) => client.setup(session).await?,
            None => SetupDetail {
                setup,
                solutions: Vec::new(),
                refused: Vec::new(),
                end: None,
            },
        };
        if global.json {
            return show::json(&detail);
        }
        print(&detail)
    }
}

/// The set-up meant, with a client of the place that remembers it: that of the client, if it can
/// be asked.
pub(super) async fn find(
    global: &Global,
    at: Option<&PlaceName>,
    id: Option<&str>,
) -> Done<(Client, SetupInfo)> {
    let wanted = id.unwrap_or_default();
    let is_meant = |setup: &SetupInfo| {
        let names = [&setup.session, &setup.key];
        let mut names = names.into_iter().flatten();
        names.any(|name| name.starts_with(wanted))
    };
    let mut found: Option<(Client, SetupInfo)> = None;
    for client in global.clients(at)? {
        for setup in client.setups().await?.into_iter().filter(is_meant) {
            if let Some((_, other)) = &found {
                match is_rather_meant(&setup, other, id.is_some()) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => {
                        return Err(Fail::usage(format!(
                            "more than one request begins with `{wanted}`"
                        )));
                    }
                }
            }
            found = Some((client.clone(), setup));
        }
    }
    let (client, setup) = found.ok_or_else(|| {
        let here = at.map_or("any place that runs here".to_owned(), ToString::to_string);
        Fail::failed(match id {
            Some(id) => format!(
                "no request or session `{id}` is remembered at {here}; a place keeps the latest \
                 (its setting `trace.keep`) of this run"
            ),
            None => format!("no request is remembered at {here}"),
        })
    })?;
    if setup.hop == 0 {
        return Ok((client, setup));
    }
    // Only the client's place knows all of it.
    let place = PlaceName::new(&setup.client).map_err(Fail::failed)?;
    Ok((client.at(place), setup))
}

/// Whether a set-up is meant and not the other one; nobody can tell where both have that name.
fn is_rather_meant(setup: &SetupInfo, other: &SetupInfo, is_named: bool) -> Option<bool> {
    if !is_named {
        // The latest one of a client here.
        Some(setup.hop == 0 && setup.began > other.began)
    } else if setup.session.is_some() && setup.session == other.session {
        // Other places of its path remember it as well.
        Some(setup.hop < other.hop)
    } else if (&setup.key, &setup.user) == (&other.key, &other.user) {
        // The key has been used again.
        Some(setup.began > other.began)
    } else {
        None
    }
}

/// What has become of a set-up, in a few words.
pub(super) fn became(setup: &SetupInfo) -> String {
    let took = setup.took.as_ref().map(|took| took.text.as_str());
    let quality = setup.quality.as_deref().unwrap_or("?");
    match (setup.became.as_str(), took) {
        ("established", Some(took)) => {
            let quality = paint(Color::Green, quality);
            format!("established with quality {quality}, in {took}")
        }
        ("established", None) => "established".to_owned(),
        ("refused", Some(took)) => format!("{} after {took}", paint(Color::Red, "refused")),
        ("no-plan", _) => paint(Color::Red, "not tried"),
        ("tried-again", _) => format!("{}, and tried again", paint(Color::Red, "refused")),
        ("given-up", Some(took)) => format!("given up after {took}"),
        (other, _) => other.replace('-', " "),
    }
}

/// Who asked for what where.
pub(super) fn heading(setup: &SetupInfo) -> String {
    let user = setup.user.as_deref().filter(|user| !user.is_empty());
    let user = user.map(|user| format!(" for {user}")).unwrap_or_default();
    let title = paint(Color::Bold, &setup.title);
    format!("{title}{user} at {}: {}", setup.client, became(setup))
}

fn print(detail: &SetupDetail) -> Done {
    let setup = &detail.setup;
    show::line(&heading(setup))?;
    if let Some(why) = &setup.why {
        show::line(&format!("  {why}"))?;
    }
    let chosen = (setup.became == "established")
        .then_some(setup.solution)
        .flatten();
    for solution in &detail.solutions {
        let refused: Vec<_> = detail
            .refused
            .iter()
            .filter(|refusal| refusal.solution == solution.number)
            .collect();
        let fate = fate(solution, &refused, chosen);
        show::line(&format!(
            "{}. {} from {}: {fate}",
            solution.number, solution.quality, solution.server
        ))?;
        for refusal in refused {
            explain(refusal)?;
        }
    }
    match &detail.end {
        Some(end) => over(end),
        None => Ok(()),
    }
}

/// Why the session is over.
fn over(end: &EndInfo) -> Done {
    if end.refused.is_empty() {
        return show::line(&format!("The session is over: {}.", end.text));
    }
    show::line("The session is over, for its path broke:")?;
    end.refused.iter().try_for_each(explain)
}

/// What became of one solution.
fn fate(solution: &SolutionInfo, refused: &[&RefusalInfo], chosen: Option<u16>) -> String {
    match chosen {
        Some(chosen) if chosen == solution.number => paint(Color::Green, "taken"),
        Some(chosen) if chosen < solution.number => "not needed".to_owned(),
        _ if refused.is_empty() => "not tried".to_owned(),
        _ => paint(Color::Red, "refused"),
    }
}

/// Where and why a solution was refused, and what would have to change.
pub(super) fn explain(refusal: &RefusalInfo) -> Done {
    show::line(&format!("   {}: {}.", refusal.place, refusal.text))?;
    show::line(&format!("   {}", paint(Color::Yellow, &refusal.remedy)))
}
