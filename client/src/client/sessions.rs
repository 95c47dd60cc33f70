//! Sessions: opened, watched, ended, and what became of them.

use http::Method;

use super::Client;
use super::request::escape;
use crate::model::{
    EndInfo, EstablishedInfo, HopInfo, OpenForm, RefusedInfo, SessionDetail, SessionInfo,
    SetupDetail, SetupInfo, SurveyInfo, TraceInfo, WalkInfo,
};
use crate::{Error, Events};

impl Client {
    /// The sessions whose client's place it is.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        self.get("/sessions").await
    }

    /// A session with every hop.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn session(&self, id: &str) -> Result<SessionDetail, Error> {
        self.get(&format!("/sessions/{}", escape(id))).await
    }

    /// What the place knows of a session that it is a hop of.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn hop(&self, id: &str) -> Result<HopInfo, Error> {
        self.get(&format!("/hops/{}", escape(id))).await
    }

    /// The sessions that the place is a hop of, the newest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn hops(&self) -> Result<Vec<HopInfo>, Error> {
        self.get("/hops").await
    }

    /// The latest set-ups that were refused, oldest first: those of the place's clients, and what
    /// of other places' set-ups was refused here.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn refusals(&self) -> Result<Vec<RefusedInfo>, Error> {
        self.get("/refusals").await
    }

    /// The latest agents that came to the place or went from it, oldest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn walks(&self) -> Result<Vec<WalkInfo>, Error> {
        self.get("/walks").await
    }

    /// Opens a session and watches how it is set up. Claim it soon.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal comes as the last event.
    pub async fn open(&self, form: &OpenForm) -> Result<Events, Error> {
        let body = self.watch("/sessions", form).await?;
        Ok(Events::new(body, self.address.clone()))
    }

    /// Opens a session and waits until it stands. Claim it soon.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal is a problem.
    pub async fn open_quietly(&self, form: &OpenForm) -> Result<EstablishedInfo, Error> {
        self.ask(Method::POST, "/sessions", form).await
    }

    /// Asks what an open would do.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn dry_run(&self, form: &OpenForm) -> Result<SurveyInfo, Error> {
        self.ask(Method::POST, "/dry-run", form).await
    }

    /// Says that a session is going to be used.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn claim(&self, id: &str) -> Result<(), Error> {
        self.tell(Method::POST, &format!("/sessions/{}/claim", escape(id)))
            .await
    }

    /// Ends a session, or its set-up.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn close(&self, id: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &format!("/sessions/{}", escape(id)))
            .await
    }

    /// The set-ups that the place remembers, the latest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn setups(&self) -> Result<Vec<SetupInfo>, Error> {
        self.get("/setups").await
    }

    /// A set-up with what was tried, and why it was refused.
    ///
    /// # Errors
    /// As [`Client::place`]; also if the place does not remember it.
    pub async fn setup(&self, session: &str) -> Result<SetupDetail, Error> {
        self.get(&format!("/setups/{session}")).await
    }

    /// What took how long during a set-up, at all its places.
    ///
    /// # Errors
    /// As [`Client::setup`].
    pub async fn trace(&self, session: &str) -> Result<TraceInfo, Error> {
        self.get(&format!("/setups/{session}/trace")).await
    }

    /// Waits until a session is over.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn wait_for_end(&self, id: &str) -> Result<EndInfo, Error> {
        self.get(&format!("/sessions/{}/end", escape(id))).await
    }
}
