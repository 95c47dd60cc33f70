//! Runs WebAssembly components that speak HTTP, each within its budget.
//!
//! A component is standard and unmodified: of the world `wasi:http/proxy@0.2`,
//! `wasi:http/service@0.3` or `wasi:http/middleware@0.3`. [`Wasm`] is the engine, of which a
//! daemon has one. [`Wasm::load`] turns a component into machine code, which is kept on disk;
//! [`Wasm::start`] makes a [`Component`] of the code, which answers requests
//! ([`Component::call`]) with a few instances.
//!
//! # Where requests of a component go
//!
//! Those to [`NEXT`], to the authority of the request that the component is answering, and
//! all by an imported `wasi:http/handler` go to [`Next`]. Others go to [`Outgoing`] if the
//! operator allows the host, and fail with `HTTP-request-denied` if not.
//!
//! # What a component may use
//!
//! Memory and processor time come from a [`Budget`], which the components of a session share.
//! [`Settings`] bound everything else. What goes wrong in a component ends its own instance
//! with the requests in it. Components run on one thread at a time each and are interrupted
//! at every tick, so that none keeps the others or the runtime from running.
//!
//! # For the embedder
//!
//! Errors of wasmtime carry backtraces, which are slow to take, when `RUST_BACKTRACE` is set.
//! A daemon should set `RUST_LIB_BACKTRACE=0` in its environment before its first thread.

mod body;
mod budget;
mod cache;
mod component;
mod counters;
mod engine;
mod failure;
mod guest;
mod inspect;
mod instance;
mod job;
mod log;
mod outgoing;
mod settings;
mod ticker;
mod worker;

pub use body::{Body, BoxError, empty_body, full_body};
pub use budget::Budget;
pub use component::{Component, Instances, Start};
pub use counters::Snapshot;
pub use engine::{Code, Source, Wasm};
pub use failure::{CallFailure, LoadError};
pub use inspect::{Metadata, WORLDS, World, inspect};
pub use log::{Log, Stream};
pub use outgoing::{NEXT, Next, Outgoing, Unsent};
pub use settings::Settings;
