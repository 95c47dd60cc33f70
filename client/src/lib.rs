//! Client library of the place daemon's control API.
//!
//! A [`Client`] reaches one place, and through it every other one of the tree:
//!
//! ```no_run
//! # async fn example() -> Result<(), waybook_client::Error> {
//! use waybook_client::{Client, Event, model::OpenForm};
//!
//! let client = Client::from_folder("/var/lib/waybook/lab".as_ref())?;
//! let form = OpenForm { title: "film".to_owned(), ..OpenForm::default() };
//! let mut events = client.open(&form).await?;
//! while let Some(event) = events.next().await? {
//!     match event {
//!         Event::Progress(progress) => println!("{}", progress.place),
//!         Event::Established(session) => {
//!             client.claim(&session.session).await?;
//!             println!("{:?}", session.urls);
//!         }
//!         Event::Refused(problem) => println!("{problem}"),
//!     }
//! }
//! // The same at another place of the tree:
//! let bookings = client.at("core/bologna".parse().unwrap()).bookings().await?;
//! # Ok(()) }
//! ```

mod client;
mod connect;
mod error;
mod events;
pub mod model;
mod upload;

pub use client::{Client, NewCode};
pub use connect::Runtime;
pub use error::Error;
pub use events::{Event, Events, FetchEvent, Fetching};
