//! Puts a line of text into pages, subtitles and playlists as they pass. A `wasi:http/proxy@0.2`: what
//! it asks goes to `next`, or else to whom the request was for.
//!
//! | setting | environment | default |
//! |---|---|---|
//! | `text` | `TEXT` | none: nothing is changed |
//! | `next` | `NEXT` | the request's own scheme and authority; for example `http://next` |
//!
//! [`edit`] says what is put where, [`ask`] what is asked; bodies stream, also in both directions at once.

pub mod ask;
pub mod edit;

#[cfg(target_family = "wasm")]
mod proxy;
#[cfg(target_family = "wasm")]
mod pump;
