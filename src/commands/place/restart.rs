//! `waybook place restart`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use waybook_client::Runtime;
use waybook_location_tree::PlaceName;

use crate::commands::{down, span, up};
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;
use crate::up_state::{UpState, began};

/// How often it is looked whether it runs.
const LOOK: Duration = Duration::from_millis(20);

/// Restarts a place that `waybook up` started.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place restart core/bologna
  waybook place restart core/bologna --dir /tmp/tree

Established sessions are kept. `scripts/rolling-restart` restarts the places of a tree one after
another. A place that something else has started is restarted by that: systemd, a container.")]
pub(crate) struct Restart {
    /// The place
    place: PlaceName,
    /// How long it may take to stop before it is killed, and to start
    #[arg(long, value_name = "TIME", default_value = "15 s", value_parser = span)]
    patience: Duration,
}

impl Restart {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        if global.is_one() {
            return Err(Fail::usage(
                "`--data` or `--url` names a place that `waybook up` did not start: whatever has started it \
                 restarts it",
            ));
        }
        let dir = global.up_dir();
        let _lock = UpState::lock(&dir)?;
        let state = UpState::load(&dir)?;
        let mut state = state.ok_or_else(|| {
            Fail::usage(format!(
                "no places are up in {}: name another folder with `--dir`",
                dir.display()
            ))
        })?;
        let mut places = state.places.iter_mut();
        let place = places.find(|place| place.name == self.place);
        let place = place.ok_or_else(|| {
            Fail::usage(format!(
                "`waybook up` has not started {} in {}; `waybook tree` shows what there is",
                self.place,
                dir.display()
            ))
        })?;
        let killed = down::stop(std::slice::from_ref(place), self.patience)?;
        let mut child = up::spawn(&place.config, &place.log).map_err(Fail::failed)?;
        place.pid = child.id();
        place.began = began(place.pid);
        let (pid, data, log) = (place.pid, place.data.clone(), place.log.clone());
        state.save(&dir)?;
        let until = Instant::now() + self.patience;
        while !Runtime::read(&data).is_ok_and(|runtime| runtime.pid == pid) {
            let ended = child.try_wait().map_err(Fail::failed)?;
            if ended.is_some() || Instant::now() > until {
                return Err(Fail::failed(format!(
                    "{} does not come up again; {} says why",
                    self.place,
                    log.display()
                )));
            }
            sleep(LOOK);
        }
        if global.json {
            let killed = !killed.is_empty();
            return show::json(&json!({ "place": self.place, "pid": pid, "killed": killed }));
        }
        show::line(&match killed.is_empty() {
            true => format!("{} runs again", self.place),
            false => format!("{} had to be killed, and runs again", self.place),
        })
    }
}
