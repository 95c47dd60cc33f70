//! What can go wrong, in sentences for people.

use std::sync::Arc;
use std::time::Duration;

/// Why there is no response, or why it broke off. The text is for a problem report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The component broke a rule of WebAssembly or gave up, e.g. by a panic.
    #[error("the component trapped: {0}")]
    Trapped(String),
    /// As [`Trapped`](Self::Trapped), after it was refused memory.
    #[error("the component ran out of memory: its instance or its session may not have more")]
    OutOfMemory,
    /// The component did nothing about the request for that long.
    #[error("the component did nothing about the request for {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// As many requests of this component are under way or wait as it may have.
    #[error("the component has {0} requests under way, which is the limit")]
    TooManyRequests(usize),
    /// No instance can be made now, for all there may be are busy.
    #[error("no instance of the component can be made now: {0}")]
    Busy(String),
    /// An instance was made but did not come up.
    #[error("an instance of the component did not start: {0}")]
    NotStarted(String),
    /// The component trapped repeatedly and rests.
    #[error("the component trapped {traps} times in a row and is left alone for {} ms", .rest.as_millis())]
    BackingOff {
        /// How often it trapped without an answer between.
        traps: u32,
        /// How long it will rest yet.
        rest: Duration,
    },
    /// The component answered with an error code of `wasi:http` in place of a response.
    #[error("the component answered with an error: {0}")]
    Refused(String),
    /// The component returned without a response.
    #[error("the component returned without a response")]
    NoResponse,
    /// The request cannot be given to a component.
    #[error("the request cannot be given to a component: {0}")]
    BadRequest(String),
    /// The component was stopped.
    #[error("the component was stopped")]
    Stopped,
}

/// Why a component cannot be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component cannot be read from {path}: {why}")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system says.
        why: Arc<std::io::Error>,
    },
    /// It is larger than allowed.
    #[error("the component has {size} bytes, {most} are allowed (setting component_bytes)")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// The bytes are not those that were asked for.
    #[error("the bytes have the SHA-256 digest {found}, not {wanted}")]
    WrongDigest {
        /// The digest of the bytes.
        found: String,
        /// The digest that was asked for.
        wanted: String,
    },
    /// It is no component that can run here.
    #[error("this is no component that can run here: {0}")]
    Unfit(String),
    /// The compiler stopped without a result.
    #[error("the compiler stopped without a result: {0}")]
    Compiler(String),
}
