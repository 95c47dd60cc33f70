//! The place daemon: QUIC transport, stores, runtimes, data plane, control API.
