//! The daemon's core: settings, identity, data folder, connections, order of events.

mod certificates;
mod config;
mod daemon;
mod identity;
mod layouts;
mod store;
mod topology;
mod tree;
