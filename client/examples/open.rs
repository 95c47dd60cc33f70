//! Opens a session and tells what happens on the way.
//!
//!     cargo run -p waybook-client --example open -- .waybook/places/core.bologna.lab film

use std::path::Path;

use waybook_client::model::{EstablishedInfo, OpenForm};
use waybook_client::{Client, Event};

/// Opens a session at the place of a data folder, and keeps it.
pub(crate) async fn open(folder: &Path, title: &str) -> Result<EstablishedInfo, String> {
    let client = Client::from_folder(folder).map_err(|error| error.to_string())?;
    let form = OpenForm {
        title: title.to_owned(),
        ..OpenForm::default()
    };
    let mut events = client.open(&form).await.map_err(|e| e.to_string())?;
    while let Some(event) = events.next().await.map_err(|e| e.to_string())? {
        match event {
            Event::Progress(news) => println!("{}: {:?}", news.place, news.step),
            Event::Established(session) => {
                // A session that nobody claims is released.
                let claimed = client.claim(&session.session).await;
                claimed.map_err(|error| error.to_string())?;
                return Ok(*session);
            }
            Event::Refused(problem) => {
                for refusal in &problem.refused {
                    println!("{}: {} {}", refusal.place, refusal.text, refusal.remedy);
                }
                return Err(problem.to_string());
            }
        }
    }
    Err("the daemon stopped before the session stood".to_owned())
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, title] = &arguments[..] else {
        return Err("give a place's data folder and a title".to_owned());
    };
    let session = open(folder.as_ref(), title).await?;
    println!("{} at quality {}", session.session, session.quality);
    if let Some(urls) = session.urls {
        println!("{}", urls.path);
    }
    Ok(())
}
