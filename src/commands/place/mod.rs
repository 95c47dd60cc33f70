//! `waybook place`: runs one place, and changes one that runs.

mod backup;
mod cordon;
mod drain;
mod invite;
mod reload;
mod restart;
mod run;
mod wait;

use clap::Subcommand;

pub(crate) use run::Run;

use crate::fail::{Done, Fail};
use crate::find::Global;

/// One place.
#[derive(Subcommand)]
pub(crate) enum Place {
    /// Run a place until it is told to stop
    Run(Run),
    /// Let a place take no new sessions
    Drain(drain::Drain),
    /// Let a drained place take new sessions again
    Undrain(drain::Undrain),
    /// Let no more of a resource be booked at a place
    Cordon(cordon::Cordon),
    /// Let a cordoned resource be booked again
    Uncordon(cordon::Uncordon),
    /// Invite a machine to become a place: print a token for `waybook join`
    Invite(invite::Invite),
    /// List who is invited, or take an invitation back
    Invites(invite::Invites),
    /// Have a place read its configuration again
    Reload(reload::Reload),
    /// Restart a place that `waybook up` started
    Restart(restart::Restart),
    /// Copy what a place keeps into a file, while it runs
    Backup(backup::Backup),
    /// Make a data folder of such a file
    Restore(backup::Restore),
    /// Wait until a place is ready
    Wait(wait::Wait),
}

impl Place {
    /// Does it.
    pub(crate) fn run(self, global: &Global) -> Done {
        let command = match self {
            Self::Run(run) => return run.run(),
            Self::Restart(restart) => return restart.run(global),
            Self::Restore(restore) => return restore.run(global),
            command => command,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Fail::failed)?;
        runtime.block_on(async {
            match command {
                Self::Run(_) | Self::Restart(_) | Self::Restore(_) => Ok(()),
                Self::Drain(command) => command.run(global).await,
                Self::Undrain(command) => command.run(global).await,
                Self::Cordon(command) => command.run(global).await,
                Self::Uncordon(command) => command.run(global).await,
                Self::Invite(command) => command.run(global).await,
                Self::Invites(command) => command.run(global).await,
                Self::Reload(command) => command.run(global).await,
                Self::Backup(command) => command.run(global).await,
                Self::Wait(command) => command.run(global).await,
            }
        })
    }
}
