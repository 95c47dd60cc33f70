//! Shows where a session is and what it has booked there.
//!
//!     cargo run -p waybook-client --example watch -- .waybook/places/core.bologna.lab SESSION

use std::path::Path;

use waybook_client::{Client, Error};

/// What each place of a session's path says of it, a line each.
pub(crate) async fn watch(folder: &Path, session: &str) -> Result<Vec<String>, Error> {
    let client = Client::from_folder(folder)?;
    let found = client.session(session).await?;
    let says = found.hops.iter().map(|at| match (&at.hop, &at.problem) {
        (Some(hop), _) => {
            let booked: Vec<String> = hop.booked.iter().map(|b| b.text.clone()).collect();
            let booked = booked.join(", ");
            format!("{}: {:?}, {booked}", at.place, hop.phase)
        }
        (None, problem) => {
            let problem = problem.as_deref().unwrap_or("says nothing");
            format!("{}: {problem}", at.place)
        }
    });
    Ok(says.collect())
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, session] = &arguments[..] else {
        return Err("give a place's data folder and a session".to_owned());
    };
    let lines = watch(folder.as_ref(), session).await;
    for line in lines.map_err(|error| error.to_string())? {
        println!("{line}");
    }
    Ok(())
}
