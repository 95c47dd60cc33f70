//! Every story, told to real daemons: a process for each place, QUIC between them, the
//! control API for everything that a story does or sees.

#[path = "../scenarios/mod.rs"]
mod scenarios;

mod audit;
mod browser;
mod certificates;
mod closing;
mod code;
mod daemons;
mod drip;
mod figures;
mod forms;
mod liars;
mod next_version;
mod page;
mod places;
mod prometheus;
mod promises;
mod raw;
mod service;
mod sessions;
mod strangers;
mod torture;
mod traces;
mod upgrade;

scenarios::every_story!(daemons::Daemons);
scenarios::every_story_of_code!(real daemons::Daemons);
scenarios::every_story_of_operators!(daemons::Daemons);
