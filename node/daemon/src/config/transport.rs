//! The connections to neighbours.

use std::time::Duration;

use waybook_location_tree::PlaceName;

use super::join;
use super::section::Section;

/// Where the parent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentConfig {
    /// `host:port`, resolved anew whenever the parent is dialled.
    pub address: String,
}

/// The connections to neighbours. Both ends should agree on the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportConfig {
    /// A connection silent for that long is gone. The place's own clockwork counts on
    /// it as well. At least three times `keep_alive`, so that two losses do not cut it.
    pub idle_timeout: Duration,
    /// How often a silent connection is kept alive.
    pub keep_alive: Duration,
    /// How many streams a neighbour may have open here at one time; every request of a
    /// session is one.
    pub max_streams: u32,
    /// Whether to hand the kernel several packets at once. Some cards cannot (they
    /// return input/output errors).
    pub gso: bool,
    /// Greatest UDP payload that is sent and accepted, in bytes. Found by probing, up
    /// to this.
    pub mtu: u16,
    /// Bytes that may be under way on one stream; with the round-trip time it bounds
    /// the rate of one request.
    pub stream_window: u32,
    /// Whether data has a connection of its own to each neighbour, so that it does not delay messages. It comes from
    /// another port of the child to the same one of the parent.
    pub data_connection: bool,
    /// Greatest length of a message, in bytes. Longer ones close the connection.
    pub max_frame: usize,
    /// Messages that may wait for a slow neighbour. One more closes the connection,
    /// and the protocol recovers.
    pub queue: usize,
    /// Messages of one neighbour that may wait for this place; each 4 KiB of one count as one
    /// more. What goes beyond stays with the neighbour.
    pub inbound: u32,
    /// The first pause before the parent is dialled again.
    pub redial_first: Duration,
    /// The longest pause; each one doubles, and all are jittered.
    pub redial_longest: Duration,
    /// How long a new connection may take to greet.
    pub handshake_timeout: Duration,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(2),
            max_streams: 4096,
            gso: true,
            mtu: 1452,
            stream_window: 1 << 20,
            data_connection: true,
            max_frame: waybook_agents::wire::MAX_FRAME,
            queue: 16_384,
            inbound: 4096,
            redial_first: Duration::from_millis(100),
            redial_longest: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
        }
    }
}

pub(super) fn parent(top: &Section<'_>, name: Option<&PlaceName>) -> Option<ParentConfig> {
    let section = top.section("parent");
    let read = |text: &str| match join::host_and_port(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` must be a host and a port, such as \"bologna.example:4700\""
        )),
    };
    let up = name.map(PlaceName::parent);
    match (up, section.is_present()) {
        (Some(None), true) => {
            // Read all the same, so that it is not called unknown as well.
            section.value("address");
            let name = name.map_or("", PlaceName::as_str);
            top.problem(
                "parent",
                format!(
                    "`{name}` is a root, which has no parent: remove `[parent]`, or give the \
                     place a name such as \"core/{name}\""
                ),
            );
            None
        }
        (Some(Some(up)), false) => {
            top.problem(
                "parent",
                format!(
                    "is missing; `{}` joins `{up}`, so say where that is: `parent.address = \"host:port\"`",
                    name.map_or("", PlaceName::as_str)
                ),
            );
            None
        }
        (_, true) => {
            let address = section.required("address", "127.0.0.1:4700", read)?;
            Some(ParentConfig { address })
        }
        (_, false) => None,
    }
}

pub(super) fn read(section: &Section<'_>) -> TransportConfig {
    let d = TransportConfig::default();
    let config = TransportConfig {
        idle_timeout: section.duration("idle-timeout", d.idle_timeout),
        keep_alive: section.duration("keep-alive", d.keep_alive),
        max_streams: section.number("max-streams", d.max_streams, 16, 1_000_000),
        gso: section.flag("gso", d.gso),
        mtu: section.number("mtu", d.mtu, 1200, 65_527),
        stream_window: section.number("stream-window", d.stream_window, 65_536, 1 << 30),
        data_connection: section.flag("data-connection", d.data_connection),
        max_frame: section.number("max-frame", d.max_frame, 65_536, 64 << 20),
        queue: section.number("queue", d.queue, 16, 100_000_000),
        inbound: section.number("inbound", d.inbound, 16, 1_000_000),
        redial_first: section.duration("redial-first", d.redial_first),
        redial_longest: section.duration("redial-longest", d.redial_longest),
        handshake_timeout: section.duration("handshake-timeout", d.handshake_timeout),
    };
    if config.keep_alive.is_zero() || config.idle_timeout < config.keep_alive * 3 {
        section.problem(
            "idle-timeout",
            format!(
                "({:?}) must be at least three times `keep-alive` ({:?}), which must not be zero",
                config.idle_timeout, config.keep_alive
            ),
        );
    }
    if config.idle_timeout > Duration::from_secs(3600) {
        section.problem("idle-timeout", "must be an hour at most");
    }
    if config.redial_first.is_zero() || config.redial_first > config.redial_longest {
        section.problem(
            "redial-first",
            "must be longer than zero and not longer than `redial-longest`",
        );
    }
    if config.handshake_timeout.is_zero() {
        section.problem("handshake-timeout", "must be longer than zero");
    }
    config
}
