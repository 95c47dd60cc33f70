//! Users' profiles.

use super::Client;
use super::request::escape;
use crate::Error;
use crate::model::ProfileInfo;

impl Client {
    /// The profile of a user as the place has it: `ann` of its own, `ann@core/bologna` of another
    /// place's.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn profile(&self, user: &str) -> Result<ProfileInfo, Error> {
        self.get(&format!("/profiles/{}", escape(user))).await
    }
}
