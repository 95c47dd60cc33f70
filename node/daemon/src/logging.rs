//! What the daemon logs, changed while it runs.

/// Knows what is logged, and changes it. Whoever has set up the log of the process implements it.
pub trait LogControl: Send + Sync {
    /// A level, or a filter such as `info,waybook_daemon=debug`.
    fn filter(&self) -> String;

    /// Logs according to another filter from now on, until the process ends.
    ///
    /// # Errors
    /// What is wrong with the filter, in a sentence; nothing has changed then.
    fn set_filter(&self, filter: &str) -> Result<(), String>;
}

/// A log that somebody else cares for.
impl LogControl for () {
    fn filter(&self) -> String {
        String::new()
    }

    fn set_filter(&self, _: &str) -> Result<(), String> {
        Err("the log of this process is not the daemon's to change".to_owned())
    }
}
