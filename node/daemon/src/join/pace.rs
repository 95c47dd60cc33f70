//! How often one address may try to join.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The time that attempts are counted in.
const PERIOD: Duration = Duration::from_secs(60);
/// The most addresses that are remembered; beyond, the one that came first is forgotten.
const MOST: usize = 1024;

/// The attempts of each address.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<IpAddr, (Instant, u32)>);

impl Pace {
    /// Counts an attempt. False if there were as many as may be already.
    pub(super) fn allows(&mut self, from: IpAddr, most: u32, now: Instant) -> bool {
        let from = network(from);
        let over = |since: Instant| now.duration_since(since) >= PERIOD;
        if !self.0.contains_key(&from) && self.0.len() >= MOST {
            self.0.retain(|_, (since, _)| !over(*since));
            if self.0.len() >= MOST {
                let first = self.0.iter().min_by_key(|(_, (since, _))| *since);
                if let Some(first) = first.map(|(from, _)| *from) {
                    self.0.remove(&first);
                }
            }
        }
        let (since, count) = self.0.entry(from).or_insert((now, 0));
        if over(*since) {
            (*since, *count) = (now, 0);
        }
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }
}

/// Who has one address of IPv6 has all that share its first half.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_use_up_the_attempts_of_others() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|a| a.parse().unwrap());
        assert!((0..3).all(|_| pace.allows(one, 3, now)));
        assert!(!pace.allows(one, 3, now));
        assert!(pace.allows(other, 3, now));
        assert!(pace.allows(one, 3, now + PERIOD));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let [one, same, other] =
            ["fd00::1", "fd00::2", "fd00:0:0:1::1"].map(|a| a.parse().unwrap());
        assert!(pace.allows(one, 1, now));
        assert!(!pace.allows(same, 1, now));
        assert!(pace.allows(other, 1, now));
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert!(pace.allows(mapped, 1, now));
        assert!(!pace.allows("10.0.0.1".parse().unwrap(), 1, now));
    }

    #[test]
    fn so_many_addresses_are_remembered_and_no_more() {
        let mut pace = Pace::default();
        let now = Instant::now();
        for number in 0..5000_u32 {
            let later = now + Duration::from_micros(number.into());
            assert!(pace.allows(IpAddr::V4(number.into()), 1, later));
        }
        assert_eq!(pace.0.len(), MOST);
    }
}
