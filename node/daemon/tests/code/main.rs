//! Tests of the software repository: what comes in is verified chunk by chunk, whatever
//! the source does; what was there is found again after a crash.

mod admission;
mod agreement;
mod cut_through;
mod links;
mod random;
mod serving;
mod sources;
mod transfer;
mod uploads;
mod world;
