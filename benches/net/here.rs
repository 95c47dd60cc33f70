//! The clients' place in the process that measures, which hands requests to it as the control API does.

use std::cell::Cell;

use waybook_agents::SessionId;
use waybook_daemon::config::{DaemonConfig, Overrides};
use waybook_daemon::{OpenEvent, RunningDaemon};
use waybook_place::io::{Input, OpenRequest, Outcome, RecordKey};

use crate::row::Row;
use crate::shared::Failure;

pub(crate) struct Here {
    daemon: RunningDaemon,
    /// How many have asked, so that each has a key of its own.
    asked: Cell<u64>,
}

impl Here {
    /// Runs the clients' place of the row in this process, in place of its own.
    pub(crate) async fn run(row: &Row) -> Result<Self, Failure> {
        row.stop_client()?;
        let config = DaemonConfig::load(&row.config_of_client(), &Overrides::default())?;
        let daemon = waybook_daemon::start(config).await?;
        // Its log is written as that of the others is.
        let log = std::fs::File::create(row.client().join("log"))?;
        tracing_subscriber::fmt().with_writer(log).init();
        let mut connected = daemon.links().connected();
        let all = row.neighbours_of_client();
        connected
            .wait_for(|neighbours| neighbours.len() >= all)
            .await?;
        Ok(Self {
            daemon,
            asked: Cell::new(0),
        })
    }

    /// Asks for a title, and waits for what becomes of it.
    pub(crate) async fn open(&self, title: &str) -> Result<Outcome, Failure> {
        let key = self.asked.replace(self.asked.get() + 1);
        let request = OpenRequest::new(format!("bench-{key}"), title);
        let mut events = self.daemon.place().open(request);
        loop {
            let event = events.recv().await.ok_or("the place has stopped")?;
            if let OpenEvent::Done(outcome) = event {
                return Ok(outcome);
            }
        }
    }

    /// Somebody uses the session from now on.
    pub(crate) fn claim(&self, session: SessionId) {
        self.daemon.place().input(Input::Claim { session });
    }

    /// Returns when the end is on disk, as the control API does.
    pub(crate) async fn close(&self, session: SessionId) -> Result<(), Failure> {
        let place = self.daemon.place();
        place.input(Input::Close { session });
        place.written(Some(RecordKey::Session(session))).await??;
        Ok(())
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.daemon.stop().await?;
        Ok(())
    }
}
