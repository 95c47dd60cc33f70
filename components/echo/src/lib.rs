//! Answers with what it was asked; for trying things out. A `wasi:http/service`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /echo` (or `PUT`) | the request's body, as it arrives |
//! | `/hello` | a line of text |
//! | `/bytes?n=1000` | that many bytes; see [`answers::pattern`] |
//! | `/sleep?ms=100` | a line of text, that many milliseconds later |
//! | `/config` | its settings and environment as JSON |
//! | any other | method, path, authority and header fields as JSON |

pub mod answers;

#[cfg(target_family = "wasm")]
mod service;
