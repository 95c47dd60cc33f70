//! `waybook sessions`: sessions of clients here.

use clap::Args;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Lists sessions.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook sessions                         # of all places that run here
  waybook sessions --at core/bologna/lab   # of one client's place")]
pub(crate) struct Sessions {
    /// Only those whose client's place this is
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Sessions {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let mut list = Vec::new();
        for client in global.clients(self.at.as_ref())? {
            list.extend(client.sessions().await?);
        }
        if global.json {
            return show::json(&list);
        }
        let rows: Vec<_> = list
            .iter()
            .map(|session| {
                let end = |place: Option<&String>| place.cloned().unwrap_or_default();
                vec![
                    session.session.clone(),
                    session.title.clone(),
                    session.quality.clone(),
                    end(session.path.first()),
                    end(session.path.last()),
                    show::state(session.phase, session.cut.is_some()),
                    session.user.clone(),
                    session.age.text.clone(),
                ]
            })
            .collect();
        let headings = [
            "SESSION", "TITLE", "QUALITY", "CLIENT", "SERVER", "PHASE", "USER", "AGE",
        ];
        show::table(&headings, &rows, "no sessions")
    }
}
