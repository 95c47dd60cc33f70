//! How a place does, and what it publishes.

use http::{Method, header};
use http_body_util::Full;

use super::Client;
use super::request::{collect, escape};
use crate::Error;
use crate::model::{
    BookingInfo, LinksInfo, LogForm, LogInfo, PlaceInfo, PresentationInfo, TreePlaceInfo,
};

impl Client {
    /// The place: its connections, addresses, resources and counters.
    ///
    /// # Errors
    /// [`Error`], as for every request: the daemon cannot be reached, or answers with a
    /// problem.
    pub async fn place(&self) -> Result<PlaceInfo, Error> {
        self.get("/place").await
    }

    /// The place and all below it, as far as they have said how they do.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn tree(&self) -> Result<Vec<TreePlaceInfo>, Error> {
        self.get("/tree").await
    }

    /// What came from the place's neighbours and clients, and what of it was in vain.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn links(&self) -> Result<LinksInfo, Error> {
        self.get("/links").await
    }

    /// What the daemon logs.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn log(&self) -> Result<LogInfo, Error> {
        self.get("/log").await
    }

    /// The daemon logs that from now on, until it is started again.
    ///
    /// # Errors
    /// As [`Client::place`]; a filter that is none is refused.
    pub async fn set_log(&self, filter: &str) -> Result<LogInfo, Error> {
        let form = LogForm {
            filter: filter.to_owned(),
        };
        self.ask(Method::PUT, "/log", &form).await
    }

    /// The place's figures for collectors, in the text of OpenMetrics.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn metrics(&self) -> Result<String, Error> {
        let request = self.request(Method::GET, "/metrics")?;
        let body = self.send(request, Full::default()).await?;
        let bytes = collect(&self.address, body).await?;
        String::from_utf8(bytes.into()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// The bookings at the place.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn bookings(&self) -> Result<Vec<BookingInfo>, Error> {
        self.get("/bookings").await
    }

    /// The presentations that are served in the place's locality.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn presentations(&self) -> Result<Vec<PresentationInfo>, Error> {
        self.get("/presentations").await
    }

    /// The place serves a presentation from now on; `toml` is a presentation file.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn publish(&self, toml: &str) -> Result<PresentationInfo, Error> {
        let request = self.request(Method::PUT, "/presentations")?;
        let request = request.header(header::CONTENT_TYPE, "application/toml");
        self.read(request, Full::new(toml.to_owned().into())).await
    }

    /// The place no longer serves a presentation.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn withdraw(&self, title: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &format!("/presentations/{}", escape(title)))
            .await
    }
}
