//! How a machine becomes a place: an operator invites a name at its future parent and gets a
//! token; the machine shows that, and gets a certificate for a key that never leaves it.
//!
//! A newcomer has no certificate yet, so it comes to the parent's socket with a protocol of its
//! own. It tells so in the first packet already, by its connection identifier (`MARK`), and all
//! other connections are accepted as if there were no newcomers at all. The token says whose key
//! the other end must have; only to that one the newcomer tells the secret in it.

mod desk;
mod door;
mod invitations;
mod letter;
mod newcomer;
mod pace;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use desk::Desk;
pub use desk::{InviteError, Invites, Wanted};
pub use door::JoinCounters;
pub(crate) use door::Joining;
pub(crate) use invitations::INVITATIONS;
pub use invitations::{Invitation, Taken};
pub use letter::{Answer, Request};
pub use newcomer::{JoinError, Joined, Newcomer};
pub use token::{Token, TokenError};

/// The protocol's name in the handshake.
pub(crate) const ALPN: &[u8] = b"waybook-join/1";

/// What the connection identifier that a newcomer makes up for the parent begins with. What
/// follows is random.
pub(crate) const MARK: &[u8] = b"wb-join/1";

/// Random bytes behind [`MARK`]: QUIC wants eight of them at least.
pub(crate) const UNPREDICTABLE: usize = 8;
