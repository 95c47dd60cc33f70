//! Engset: as Erlang B, with so few sources that those that are served make a difference.
//!
//! T. O. Engset, "Die Wahrscheinlichkeitsrechnung zur Bestimmung der Wählerzahl in
//! automatischen Fernsprechämtern", Elektrotechnische Zeitschrift 31, 1918. Each of a fixed number of
//! sources is idle for some time, then asks; if a server is free it takes it for the holding time,
//! else it begins to be idle anew. Only the means of both times matter (J. W. Cohen, "The
//! generalized Engset formulae", Philips Telecommunication Review 18, 1957).

use super::{OutOfRange, not_negative, require};

/// A group of servers for a number of sources.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Engset {
    sources: u32,
    servers: u32,
    idle_load: f64,
}

impl Engset {
    /// `idle_load` is the load of one source while it is idle: the mean holding time over the
    /// mean idle time, in erlangs.
    ///
    /// # Errors
    /// If there is no source, or the load is negative or not a number.
    pub fn new(sources: u32, servers: u32, idle_load: f64) -> Result<Self, OutOfRange> {
        require(sources > 0, "sources", f64::from(sources), "at least 1")?;
        not_negative("idle load", idle_load)?;
        Ok(Self {
            sources,
            servers,
            idle_load,
        })
    }

    /// The share of time in which all servers are busy, between 0 and 1.
    #[must_use]
    pub fn time_congestion(&self) -> f64 {
        all_busy(self.sources, self.servers, self.idle_load)
    }

    /// The share of requests that find all servers busy, between 0 and 1. A source that asks sees
    /// the group as the other sources alone would have it (the arrival theorem: S. S. Lavenberg
    /// and M. Reiser, Journal of Applied Probability 17, 1980), so it is less than the time
    /// congestion.
    #[must_use]
    pub fn call_congestion(&self) -> f64 {
        all_busy(self.sources - 1, self.servers, self.idle_load)
    }

    /// The mean number of busy servers. Of sources each with a cycle of idle and, unless
    /// lost, busy time: N a (1 - B) / (1 + a (1 - B)) with the call congestion B.
    #[must_use]
    pub fn carried(&self) -> f64 {
        let served = self.idle_load * (1.0 - self.call_congestion());
        f64::from(self.sources) * served / (1.0 + served)
    }
}

/// The recursion over the servers, with positive terms alone.
fn all_busy(sources: u32, servers: u32, idle_load: f64) -> f64 {
    let mut busy = 1.0;
    for n in 1..=servers {
        let idle = f64::from((sources + 1).saturating_sub(n));
        let more = idle * idle_load * busy;
        busy = more / (f64::from(n) + more);
    }
    busy
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{close, erlang};
    use super::*;

    /// The truncated binomial distribution of the number of busy servers.
    fn distribution(sources: u32, servers: u32, idle_load: f64) -> Vec<f64> {
        let mut terms = vec![1.0];
        for n in 1..=servers.min(sources) {
            let last = terms[n as usize - 1];
            terms.push(last * f64::from(sources - n + 1) * idle_load / f64::from(n));
        }
        let total: f64 = terms.iter().sum();
        terms.iter().map(|term| term / total).collect()
    }

    /// Four sources, three servers, a third of an erlang: the states are as 1, 4/3, 6/9, 4/27.
    #[test]
    fn by_hand() {
        let group = Engset::new(4, 3, 1.0 / 3.0).unwrap();
        assert!(close(group.time_congestion(), 4.0 / 85.0, 1e-14));
        // 3 sources: 1, 1, 1/3, 1/27 over 64/27.
        assert!(close(group.call_congestion(), 1.0 / 64.0, 1e-14));
        let busy = (36.0 + 2.0 * 18.0 + 3.0 * 4.0) / 85.0;
        assert!(close(group.carried(), busy, 1e-14));
    }

    #[test]
    fn a_server_for_each_source_loses_nothing() {
        let group = Engset::new(5, 5, 0.7).unwrap();
        assert_eq!(group.call_congestion(), 0.0);
        let p: f64 = 0.7 / 1.7;
        assert!(close(group.time_congestion(), p.powi(5), 1e-13));
        assert_eq!(Engset::new(5, 6, 0.7).unwrap().time_congestion(), 0.0);
        assert!(Engset::new(0, 1, 0.7).is_err());
        assert!(Engset::new(1, 1, -0.7).is_err());
    }

    proptest! {
        #[test]
        fn as_the_truncated_binomial_says(
            sources in 1u32..60,
            servers in 1u32..40,
            idle_load in 0.001..3.0f64,
        ) {
            let group = Engset::new(sources, servers, idle_load).unwrap();
            let states = distribution(sources, servers, idle_load);
            let full = states.get(servers as usize).copied().unwrap_or(0.0);
            prop_assert!(close(group.time_congestion(), full, 1e-10));
            let idle = |n: usize| f64::from(sources) - n as f64;
            let asked: f64 = states.iter().enumerate().map(|(n, p)| idle(n) * p).sum();
            let call = full * idle(servers as usize) / asked;
            prop_assert!(close(group.call_congestion(), call.max(0.0), 1e-9));
            let busy: f64 = states.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
            prop_assert!(close(group.carried(), busy, 1e-9));
        }

        #[test]
        fn call_below_time_congestion_below_erlang(
            sources in 2u32..60,
            servers in 1u32..20,
            idle_load in 0.01..1.0f64,
        ) {
            let group = Engset::new(sources, servers, idle_load).unwrap();
            prop_assert!(group.call_congestion() <= group.time_congestion());
            let poisson = erlang::blocking(servers, f64::from(sources) * idle_load).unwrap();
            prop_assert!(group.time_congestion() <= poisson);
        }

        #[test]
        fn more_load_loses_more_and_more_servers_less(
            sources in 10u32..60,
            servers in 1u32..9,
            idle_load in 0.05..2.0f64,
        ) {
            let lost = |servers, idle_load| {
                Engset::new(sources, servers, idle_load).unwrap().call_congestion()
            };
            prop_assert!(lost(servers, idle_load * 1.1) > lost(servers, idle_load));
            prop_assert!(lost(servers + 1, idle_load) < lost(servers, idle_load));
        }

        #[test]
        fn many_sources_are_poisson(servers in 1u32..20, load in 0.1..20.0f64) {
            let many = 10_000_000;
            let group = Engset::new(many, servers, load / f64::from(many)).unwrap();
            let poisson = erlang::blocking(servers, load).unwrap();
            prop_assert!(close(group.call_congestion(), poisson, 1e-4));
        }
    }
}
