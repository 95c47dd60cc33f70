//! `waybook place invite` and `invites`.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use waybook_client::model::{InvitationInfo, InviteForm, SpanForm};
use waybook_location_tree::PlaceName;

use crate::commands::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Invites a machine to become a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place invite core/bologna/lab
  waybook place invite core/bologna/lab --valid \"1 d\" --address bologna.example:4710
  waybook place invite core/bologna/lab --json     # the token is `token`

Asks the new place's parent, which needs an authority to certify it with (`[join] authority` in its
file), and prints a token for `waybook join` on the new machine. Whoever has the token can become
that place, until it is used, over or revoked: pass it on as you would a password.")]
pub(crate) struct Invite {
    /// The new place
    place: PlaceName,
    /// For how long
    #[arg(long, value_name = "TIME", default_value = "1 h", value_parser = span)]
    valid: Duration,
    /// How many machines may use it, as when one is set up again
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    uses: usize,
    /// Where the new machine reaches the parent; may be given several times [default: `[join]
    /// addresses` of the parent, or what it listens at]
    #[arg(long, value_name = "HOST:PORT")]
    address: Vec<String>,
}

impl Invite {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let Some(parent) = self.place.parent() else {
            return Err(Fail::usage(format!(
                "`{}` is a root, and joins nobody; `waybook ca issue` certifies it",
                self.place
            )));
        };
        let client = global.client(Some(&parent))?;
        let invited = client
            .invite(&InviteForm {
                name: self.place.to_string(),
                // Exactly, whatever the length.
                valid: Some(SpanForm::Text(waybook_plan::format_duration(self.valid))),
                uses: Some(self.uses),
                addresses: self.address.clone(),
            })
            .await?;
        if global.json {
            return show::json(&invited);
        }
        let info = &invited.invitation;
        let left = info.left.as_ref().map_or("-", |left| &left.text);
        show::line(&format!(
            "{} is invited for {left}. On its machine:",
            info.name
        ))?;
        show::line(&format!("\n  waybook join {}\n", invited.token))?;
        let links = client.place().await.map(|place| place.links);
        if links.is_ok_and(|links| links.iter().any(|link| link.place == info.name)) {
            show::line(&format!(
                "{} is connected now: whoever joins so takes its place.",
                info.name
            ))?;
        }
        show::line(&format!(
            "Whoever has this token can become the place. `waybook place invites {parent} --revoke \
             {}` takes it back.",
            info.id
        ))
    }
}

/// Lists who is invited, or takes an invitation back.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place invites core/bologna
  waybook place invites core/bologna --revoke 1f3a9c02

Shows invitations for a week after they are over. Revoking one does not take a certificate back
that somebody has got with it: `waybook ca revoke` does.")]
pub(crate) struct Invites {
    /// The place that has invited
    place: PlaceName,
    /// Take back the one of that number
    #[arg(long, value_name = "ID")]
    revoke: Option<String>,
}

impl Invites {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client(Some(&self.place))?;
        if let Some(id) = &self.revoke {
            let info = client.revoke_invitation(id).await?;
            if global.json {
                return show::json(&info);
            }
            show::line(&format!("the invitation of {} is revoked", info.name))?;
            return match info.used.is_empty() {
                true => Ok(()),
                false => show::line(&format!(
                    "it has been used: `waybook ca revoke {}` cuts off who has",
                    info.name
                )),
            };
        }
        let all = client.invitations().await?;
        if global.json {
            return show::json(&json!(all));
        }
        let rows: Vec<_> = all.iter().map(row).collect();
        let none = format!("{} has invited nobody", self.place);
        show::table(&["ID", "PLACE", "IS", "FOR", "USED"], &rows, &none)
    }
}

fn row(info: &InvitationInfo) -> Vec<String> {
    let state = match (info.open, info.revoked, &info.left) {
        (true, ..) => "open",
        (false, Some(_), _) => "revoked",
        (false, None, None) => "over",
        (false, None, Some(_)) => "used",
    };
    let left = info.left.as_ref().filter(|_| info.open);
    vec![
        info.id.clone(),
        info.name.clone(),
        state.to_owned(),
        left.map_or_else(|| "-".to_owned(), |left| left.text.clone()),
        format!("{} of {}", info.used.len(), info.uses),
    ]
}
