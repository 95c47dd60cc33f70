//! The deterministic simulator: places over a modelled network in virtual time.
