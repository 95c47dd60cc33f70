//! `waybook place reload`.

use clap::Args;
use waybook_client::model::ReloadInfo;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Has a place read its configuration again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place reload core/bologna/lab

Capacity, limits, `strategy` and `servers-per-plan` change at once, and no session ends for it:
what is booked beyond a smaller capacity stays, and nothing more is granted before it is less. So do
its certificate, the authorities that it trusts, and what is revoked. What
else is different in the file is named, and changes with the next start. A file that is wrong
changes nothing. SIGHUP does the same.")]
pub(crate) struct Reload {
    /// The place
    place: PlaceName,
}

impl Reload {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let reload = global.client(Some(&self.place))?.reload().await?;
        if global.json {
            return show::json(&reload);
        }
        print(&reload)
    }
}

fn print(reload: &ReloadInfo) -> Done {
    let (place, file) = (&reload.place, &reload.file);
    if reload.changed.is_empty() {
        show::line(&format!("{place} runs with what {file} says"))?;
    } else {
        show::line(&format!("{place} has read {file}:"))?;
    }
    for change in &reload.changed {
        let (before, now) = (&change.before, &change.now);
        show::line(&format!("  {}: {before} -> {now}", change.setting))?;
    }
    for resource in &reload.resources {
        let booked = resource.established.amount + resource.held.amount;
        if booked > resource.capacity.amount {
            show::line(&format!(
                "  more {} is booked than there is now: that stays, and nothing more is granted \
                 before it is less",
                resource.resource
            ))?;
        }
    }
    match reload.restart.is_empty() {
        true => Ok(()),
        false => show::line(&format!(
            "different in the file, from the next start on: {}",
            reload.restart.join(", ")
        )),
    }
}
