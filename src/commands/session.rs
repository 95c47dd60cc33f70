//! `waybook session`: a session with every hop.

use clap::Args;
use waybook_client::model::{ComponentInfo, SessionDetail};
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Shows a session with every hop.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook session 3f2a...                        # at a place that runs here
  waybook session 3f2a... --at core/bologna/lab  # at any client's place of the tree

The beginning of a session's number is enough, if only one session begins so.")]
pub(crate) struct Session {
    /// The session's number
    id: String,
    /// The client's place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Session {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let (client, id) = find(global, self.at.as_ref(), &self.id).await?;
        let detail = client.session(&id).await?;
        if global.json {
            return show::json(&detail);
        }
        print(&detail)
    }
}

/// The client of the place where a session is, and the session's whole number.
pub(crate) async fn find(
    global: &Global,
    at: Option<&PlaceName>,
    beginning: &str,
) -> Done<(waybook_client::Client, String)> {
    let wanted = beginning.to_ascii_lowercase();
    if wanted.is_empty() || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Fail::usage(format!(
            "`{beginning}` is no session's number; `waybook sessions` shows them"
        )));
    }
    let mut found = None;
    let clients = global.clients(at)?;
    for client in &clients {
        for session in client.sessions().await? {
            if !session.session.starts_with(&wanted) {
                continue;
            }
            if found.is_some() {
                return Err(Fail::usage(format!(
                    "more than one session begins with `{beginning}`"
                )));
            }
            found = Some((client.clone(), session.session));
        }
    }
    if let Some(found) = found {
        return Ok(found);
    }
    // It may be over, and its place may remember why.
    if wanted.len() == 32 {
        for client in &clients {
            match client.session(&wanted).await {
                Ok(_) => return Ok((client.clone(), wanted)),
                Err(error) if error.problem().is_some_and(|p| p.is("ended")) => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
    }
    Err(Fail::failed(format!(
        "no session `{beginning}` at {}",
        at.map_or("any place that runs here".to_owned(), ToString::to_string)
    )))
}

/// Where the components of a hop answer.
fn endpoints(components: &[ComponentInfo]) -> String {
    if components.is_empty() {
        return "-".to_owned();
    }
    let endpoints = components
        .iter()
        .map(|component| component.endpoint.as_str());
    endpoints.collect::<Vec<_>>().join(", ")
}

fn print(detail: &SessionDetail) -> Done {
    let session = &detail.session;
    let field = |name: &str, value: &str| show::line(&format!("{name:10} {value}"));
    field("session", &session.session)?;
    field("title", &session.title)?;
    let quality = format!("{} (solution {})", session.quality, session.solution);
    field("quality", &quality)?;
    field("user", &session.user)?;
    field("key", &session.key)?;
    let claimed = if session.claimed { "" } else { ", not claimed" };
    let phase = show::phase(session.phase);
    field(
        "phase",
        &format!("{phase}{claimed}, for {}", session.age.text),
    )?;
    if let Some(cut) = &session.cut {
        field(
            "path",
            &paint(Color::Yellow, &format!("cut, for {}", cut.text)),
        )?;
    }
    if let Some(urls) = &session.urls {
        field("URL", &paint(Color::Green, &urls.path))?;
        field("or", &urls.host)?;
    }
    show::line("")?;
    let rows: Vec<_> = detail
        .hops
        .iter()
        .map(|hop| match (&hop.hop, &hop.problem) {
            (Some(info), _) => vec![
                hop.place.clone(),
                show::state(info.phase, info.cut.is_some()),
                show::amounts(&info.booked),
                show::components(&info.components),
                endpoints(&info.components),
                info.age.text.clone(),
            ],
            (None, problem) => {
                let problem = problem.as_deref().unwrap_or("knows nothing of it");
                let mut row = vec![hop.place.clone(), "?".to_owned(), problem.to_owned()];
                row.resize(6, String::new());
                row
            }
        })
        .collect();
    let headings = ["PLACE", "PHASE", "BOOKED", "COMPONENTS", "ENDPOINT", "AGE"];
    show::table(&headings, &rows, "no hops")
}
