//! The agents that migrate, their messages and the wire format.
