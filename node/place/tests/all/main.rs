//! A place by itself and with its next neighbours, message by message.
//!
//! Whole trees under load, loss and crashes are the simulator's; here a test delivers
//! or withholds single messages by hand.

mod answers;
mod bounds;
mod code;
mod letters;
mod neighbours;
mod pace;
mod review;
mod session;
mod shares;
