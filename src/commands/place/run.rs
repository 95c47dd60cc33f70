//! `waybook place run`: runs one place in the foreground.

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use waybook_daemon::config::{DaemonConfig, Overrides};

use crate::fail::{Done, Fail};
use crate::log;

/// Runs a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place run --config lab.toml
  waybook place run --config lab.toml --set gateway.listen=127.0.0.1:8080 --set log.level=debug
  WAYBOOK_TIMING__SETUP_LEASE=\"8 s\" waybook place run --config lab.toml

SIGTERM and SIGINT stop it in order; established sessions are kept for the next start. SIGHUP has it
read its file again, as `waybook place reload` does.
Flags go before the environment (WAYBOOK_TABLE__KEY), and that before the file. WAYBOOK_LOG
sets what is logged, such as `info,waybook_daemon=debug`.")]
pub(crate) struct Run {
    /// The place's configuration file
    #[arg(long, value_name = "FILE", env = "WAYBOOK_CONFIG")]
    config: PathBuf,
    /// Overrides a setting; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Run {
    /// Runs the place with that configuration file.
    pub(crate) fn of(config: PathBuf) -> Self {
        Self {
            config,
            set: Vec::new(),
        }
    }

    /// Does it.
    pub(crate) fn run(self) -> Done {
        let overrides = Overrides::from_process(self.set);
        let config = DaemonConfig::load(&self.config, &overrides).map_err(Fail::usage)?;
        let log = log::start(&config.log)?;
        // One thread carried two to three times the messages of several.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Fail::failed)?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).map_err(Fail::failed)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(Fail::failed)?;
            let stop = async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            waybook_daemon::run(config, log, stop)
                .await
                .map_err(Fail::failed)
        })
    }
}
