//! Keeps answers in memory and serves them while they are fresh: the part of RFC 9111 that a cache of
//! whole answers needs. A `wasi:http/middleware`; what it keeps lives as long as its instance.
//!
//! [`rules`] says what may be kept and used, [`store`] keeps it. Stale answers are fetched anew, not
//! revalidated. Settings, from `wasi:config/store` or else from the environment:
//!
//! | setting | environment | unit | default |
//! |---|---|---|---|
//! | `memory` | `MEMORY` | bytes | 8388608; holds what is stored, collected and still being sent |
//! | `largest` | `LARGEST` | bytes | half of `memory`; a larger body is passed on and not stored |
//! | `default-ttl` | `DEFAULT_TTL` | s | 0: what does not say how long it is fresh is not stored |

pub mod rules;
pub mod store;

#[cfg(target_family = "wasm")]
mod middleware;
