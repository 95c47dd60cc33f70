//! Who may ask what of a place.

use http::Method;

use super::Client;
use super::request::escape;
use crate::Error;
use crate::model::{MadeTokenInfo, TokenForm, TokenInfo};

impl Client {
    /// The tokens of the place's control API, besides that of its data folder.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, Error> {
        self.get("/tokens").await
    }

    /// Makes a token. Its text is in this answer, and nowhere else from then on.
    ///
    /// # Errors
    /// As [`Client::place`]; nobody can give more than they may themselves.
    pub async fn create_token(&self, form: &TokenForm) -> Result<MadeTokenInfo, Error> {
        self.ask(Method::POST, "/tokens", form).await
    }

    /// Nobody is let in with that token any more.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn revoke_token(&self, name: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &format!("/tokens/{}", escape(name)))
            .await
    }
}
