//! The place daemon: what a place does.
//!
//! A daemon drives one [`Place`](waybook_place::Place): `pump` feeds it and carries
//! out what it asks for, `link` keeps the QUIC connections to parent and children,
//! `data` lets the sessions' HTTP through, `code` keeps and transfers code, `api` is the
//! control API; both have a `door` for clients. `join` lets new places in. `metrics` says how it
//! goes, `trace` how each set-up went, `audit` who changed what. `cgroup` holds programs to what is
//! booked for them.

pub mod api;
mod audit;
pub mod backup;
mod certificates;
mod cgroup;
pub mod code;
pub mod config;
mod daemon;
pub mod data;
mod door;
mod files;
mod handle;
mod hop;
pub mod identity;
pub mod join;
mod kept;
pub mod link;
mod logging;
mod lookout;
mod machinery;
pub mod metrics;
mod moment;
mod peer;
mod proc;
mod pump;
mod reload;
mod run;
mod service;
mod session_log;
mod slots;
pub mod store;
mod tls;
pub mod trace;
mod uploads;
mod worker;

pub use audit::Audit;
pub use certificates::{CertificateStatus, Certificates};
pub use cgroup::{Cgroups, Enforcement, ProgramCounters};
pub use config::Change;
pub use daemon::{Addresses, Core, Daemon, DaemonError, Rooms, RunningDaemon, StopRoom};
pub use door::DoorCounters;
pub use files::{Existing, FileError};
pub use handle::{Command, OpenEvent, OrderResult, PlaceHandle, SessionEvent, Stopping};
pub use logging::LogControl;
pub use machinery::{CodeKeeper, Machinery, Start};
pub use moment::rfc3339;
pub use peer::{Io, Opening, PeerApi, PeerStreams};
pub use proc::ProcessStat;
pub use reload::{Reload, ReloadError, Reloaded};
pub use run::{run, start};
pub use tls::ApiTls;
pub use uploads::inspect;
// Bodies pass between components and all else as they are.
pub use waybook_wasm::{Body, BoxError, empty_body, full_body};
