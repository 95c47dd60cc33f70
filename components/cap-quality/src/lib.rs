//! Offers only those qualities of an HLS presentation that fit into a session's bandwidth.
//!
//! A `wasi:http/middleware`: a master playlist that comes back is rewritten ([`playlist`]), all else is
//! passed on unread. Settings, from `wasi:config/store` or else from the environment:
//!
//! | setting | environment | unit | default |
//! |---|---|---|---|
//! | `max-bandwidth` | `MAX_BANDWIDTH` | bit/s | none: nothing is rewritten |
//! | `largest-playlist` | `LARGEST_PLAYLIST` | bytes | 1048576; a larger one is passed on as it is |

pub mod playlist;

#[cfg(target_family = "wasm")]
mod middleware;
