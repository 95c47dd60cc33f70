//! Closes a session.
//!
//!     cargo run -p waybook-client --example close -- .waybook/places/core.bologna.lab SESSION

use std::path::Path;

use waybook_client::model::EndInfo;
use waybook_client::{Client, Error};

/// Closes a session and says how it ended, even if that was before.
pub(crate) async fn close(folder: &Path, session: &str) -> Result<EndInfo, Error> {
    let client = Client::from_folder(folder)?;
    match client.close(session).await {
        Ok(()) => client.wait_for_end(session).await,
        Err(Error::Problem(problem)) if problem.end.is_some() => {
            problem.end.clone().ok_or(Error::Problem(problem))
        }
        Err(error) => Err(error),
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, session] = &arguments[..] else {
        return Err("give a place's data folder and a session".to_owned());
    };
    let end = close(folder.as_ref(), session).await;
    println!("{}", end.map_err(|error| error.to_string())?.text);
    Ok(())
}
