//! Waits for a session's end, also while its daemon restarts: the session outlives that.
//!
//!     cargo run -p waybook-client --example reconnect -- .waybook/places/core.bologna.lab SESSION

use std::path::Path;
use std::time::Duration;

use waybook_client::model::EndInfo;
use waybook_client::{Client, Error};

/// How long to wait before a daemon that is away is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits until a session is over. `away` hears each time that the daemon was found away.
pub(crate) async fn ended(
    folder: &Path,
    session: &str,
    mut away: impl FnMut(&Error),
) -> Result<EndInfo, Error> {
    loop {
        // The folder is read each time: a daemon that starts again may listen elsewhere.
        let end = match Client::from_folder(folder) {
            Ok(client) => client.wait_for_end(session).await,
            Err(error) => Err(error),
        };
        match end {
            Err(error @ (Error::NotRunning { .. } | Error::Unreachable { .. })) => {
                away(&error);
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, session] = &arguments[..] else {
        return Err("give a place's data folder and a session".to_owned());
    };
    let end = ended(folder.as_ref(), session, |error| eprintln!("{error}")).await;
    println!("{}", end.map_err(|error| error.to_string())?.text);
    Ok(())
}
