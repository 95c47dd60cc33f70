//! What is asked of the places: when, of what, where, and by whom that moves.
//!
//! | room | what is drawn there |
//! |---|---|
//! | [`arrivals`] | when the next request comes from many users |
//! | [`sources`] | when each of a few users asks again |
//! | [`titles`] | what is asked for |
//! | [`origins`] | at which place |
//! | [`mobility`] | when and where a terminal moves |
//!
//! How long a session is held is a [`Distribution`](crate::distribution::Distribution).
//! Each model takes the generator it draws from as an argument, so that whoever runs them
//! gives every purpose its own [stream](crate::random::small).

pub mod arrivals;
pub mod mobility;
pub mod origins;
pub mod sources;
pub mod titles;

pub use arrivals::Arrivals;
pub use mobility::Mobility;
pub use origins::{Leaves, Member, Origins};
pub use sources::Sources;
pub use titles::Titles;
