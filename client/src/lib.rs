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
//!
//! The folder `examples` has whole programs, each of which takes a place's data folder. With the demo's
//! places up (`waybook up configs/demo/topology.toml`):
//!
//! - `open` opens a session and tells what happens on the way:
//!   `cargo run -p waybook-client --example open -- .waybook/places/core.bologna.lab film`
//! - `watch` shows where a session is and what it has booked there.
//! - `close` closes one, and says how it ended.
//! - `reconnect` waits for a session's end, also while its daemon restarts:
//!
//! ```no_run
#![doc = include_str!("../examples/reconnect.rs")]
//! ```

mod client;
mod connect;
mod connections;
mod error;
mod events;
pub mod model;
mod tls;
mod upload;

pub use client::{AuditQuery, Client, NewCode};
pub use connect::Runtime;
pub use error::Error;
pub use events::{Event, Events, FetchEvent, Fetching};
