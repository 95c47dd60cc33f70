//! What was changed at a place, and by whom.

use super::Client;
use crate::Error;
use crate::model::AuditInfo;

/// Which entries of an audit log are wanted: the latest of those that fit.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditQuery {
    /// Those with greater numbers.
    pub after: u64,
    /// Those since that moment, in milliseconds since 1970.
    pub since: u64,
    /// At most so many; the place has a bound of its own.
    pub limit: Option<usize>,
    /// Whether to wait for one, for a while, if there is none.
    pub wait: bool,
}

impl Client {
    /// What was changed at the place, the oldest first. With `wait` the answer may be empty: ask
    /// again.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditInfo>, Error> {
        let AuditQuery {
            after,
            since,
            limit,
            wait,
        } = query;
        let limit = limit.map(|limit| format!("&limit={limit}"));
        let limit = limit.unwrap_or_default();
        let path = format!("/audit?after={after}&since={since}&wait={wait}{limit}");
        self.get(&path).await
    }
}
