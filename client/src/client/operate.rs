//! What operators change at a place that runs.

use http::Method;
use http_body_util::Full;

use super::Client;
use super::request::escape;
use crate::Error;
use crate::model::{
    CordonInfo, DrainForm, DrainingInfo, InvitationInfo, InviteForm, InvitedInfo, ReloadInfo,
    SpanForm,
};

impl Client {
    /// The place takes no new sessions from now on, also after a restart. What is left after
    /// the deadline ends; without one, that is waited for.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn drain(&self, deadline: Option<SpanForm>) -> Result<DrainingInfo, Error> {
        self.ask(Method::PUT, "/drain", &DrainForm { deadline })
            .await
    }

    /// The place takes new sessions again.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn undrain(&self) -> Result<(), Error> {
        self.tell(Method::DELETE, "/drain").await
    }

    /// No more of a resource is booked at the place from now on, also after a restart.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn cordon(&self, resource: &str) -> Result<CordonInfo, Error> {
        self.read(
            self.request(Method::PUT, &format!("/cordons/{}", escape(resource)))?,
            Full::default(),
        )
        .await
    }

    /// The resource is booked again.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn uncordon(&self, resource: &str) -> Result<CordonInfo, Error> {
        self.read(
            self.request(Method::DELETE, &format!("/cordons/{}", escape(resource)))?,
            Full::default(),
        )
        .await
    }

    /// The place reads its configuration again.
    ///
    /// # Errors
    /// As [`Client::place`]; a file that is wrong changes nothing.
    pub async fn reload(&self) -> Result<ReloadInfo, Error> {
        self.read(self.request(Method::POST, "/reload")?, Full::default())
            .await
    }

    /// The place invites a machine to become a place right below it.
    ///
    /// # Errors
    /// As [`Client::place`]; a place without an authority to certify it with says what is lacking.
    pub async fn invite(&self, form: &InviteForm) -> Result<InvitedInfo, Error> {
        self.ask(Method::POST, "/invitations", form).await
    }

    /// Who is invited by the place, and who was within the last week.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn invitations(&self) -> Result<Vec<InvitationInfo>, Error> {
        self.get("/invitations").await
    }

    /// An invitation is valid no more.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn revoke_invitation(&self, id: &str) -> Result<InvitationInfo, Error> {
        self.read(
            self.request(Method::DELETE, &format!("/invitations/{}", escape(id)))?,
            Full::default(),
        )
        .await
    }
}
