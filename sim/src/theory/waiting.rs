//! Requests that wait: several servers with exponential service times, or one with any.
//!
//! Served first come, first served, from an unbounded queue, with Poisson arrivals, in the steady
//! state. R. B. Cooper, "Introduction to Queueing Theory", 2nd edition 1981, chapters 3 and 5;
//! L. Kleinrock, "Queueing Systems" volume 1, 1975.

use super::{OutOfRange, erlang, positive, require};

/// M/M/c: `servers` servers, each with exponential service times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Servers {
    servers: u32,
    arrivals: f64,
    service: f64,
}

impl Servers {
    /// `servers` servers, with `arrivals` requests per second that take `service` seconds each
    /// on the average.
    ///
    /// # Errors
    /// If the servers could not keep up: the load, arrivals x service, must be below their
    /// number. If a rate or time is not above zero.
    pub fn new(servers: u32, arrivals: f64, service: f64) -> Result<Self, OutOfRange> {
        positive("arrivals", arrivals)?;
        positive("service", service)?;
        let load = arrivals * service;
        let keeps_up = load < f64::from(servers);
        require(keeps_up, "load", load, "less than the number of servers")?;
        Ok(Self {
            servers,
            arrivals,
            service,
        })
    }

    /// The share of time that a server is busy, between 0 and 1.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        self.arrivals * self.service / f64::from(self.servers)
    }

    /// The probability that a request waits at all: Erlang's C formula (1917), from his B
    /// formula as C = B / (1 - u (1 - B)) with the utilisation u. Between 0 and 1.
    #[must_use]
    pub fn waits(&self) -> f64 {
        let load = self.arrivals * self.service;
        let lost = erlang::blocking(self.servers, load).unwrap_or(1.0);
        lost / (1.0 - self.utilisation() * (1.0 - lost))
    }

    /// The mean time that a request waits before it is served, in seconds; those that do not
    /// wait count with zero.
    #[must_use]
    pub fn mean_wait(&self) -> f64 {
        self.waits() / self.spare_rate()
    }

    /// The mean time from arrival to the end of service, in seconds.
    #[must_use]
    pub fn mean_stay(&self) -> f64 {
        self.mean_wait() + self.service
    }

    /// The mean number of requests that wait, by Little's law.
    #[must_use]
    pub fn mean_waiting(&self) -> f64 {
        self.arrivals * self.mean_wait()
    }

    /// The probability that a request waits longer than `time` seconds: C exp(-(c mu - lambda) t).
    #[must_use]
    pub fn waits_longer_than(&self, time: f64) -> f64 {
        if time < 0.0 {
            return 1.0;
        }
        self.waits() * (-self.spare_rate() * time).exp()
    }

    /// How many more requests per second could be served.
    fn spare_rate(&self) -> f64 {
        f64::from(self.servers) / self.service - self.arrivals
    }
}

/// M/G/1: the mean time in seconds that a request waits before it is served, by the formula of
/// Pollaczek (1930) and Khinchine (1932): lambda E\[S^2\] / (2 (1 - lambda E\[S\])).
///
/// `arrivals` are per second; `mean` and `second_moment` are those of the service time, in seconds
/// and seconds squared. A constant time s has s^2, an exponential one 2 s^2.
///
/// # Errors
/// If the server could not keep up (arrivals x mean must be below 1), if a number is not above
/// zero, or if there is no distribution with such moments.
pub fn single_server_mean_wait(
    arrivals: f64,
    mean: f64,
    second_moment: f64,
) -> Result<f64, OutOfRange> {
    positive("arrivals", arrivals)?;
    positive("mean", mean)?;
    positive("second moment", second_moment)?;
    let load = arrivals * mean;
    require(load < 1.0, "load", load, "less than 1")?;
    // A constant time may be off by its rounding.
    let possible = second_moment >= mean * mean * (1.0 - 1e-12);
    let wanted = "no smaller than the square of the mean";
    require(possible, "second moment", second_moment, wanted)?;
    Ok(arrivals * second_moment / (2.0 * (1.0 - load)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::close;
    use super::*;

    #[test]
    fn one_server_by_hand() {
        // M/M/1 at 0.8: waits with 0.8, 4 s on the average, 5 s in all, 3.2 in the queue.
        let one = Servers::new(1, 0.8, 1.0).unwrap();
        assert!(close(one.waits(), 0.8, 1e-14));
        assert!(close(one.mean_wait(), 4.0, 1e-13));
        assert!(close(one.mean_stay(), 5.0, 1e-13));
        assert!(close(one.mean_waiting(), 3.2, 1e-13));
        assert!(close(
            one.waits_longer_than(5.0),
            0.8 * (-1.0f64).exp(),
            1e-13
        ));
    }

    /// M/M/2 has C = 2 u^2 / (1 + u); the others are from the common tables of Erlang C.
    #[test]
    fn several_servers() {
        let two = Servers::new(2, 1.5, 1.0).unwrap();
        assert!(close(two.waits(), 2.0 * 0.5625 / 1.75, 1e-14));
        // 10 servers at 8 erlangs: 0.4092; 5 at 4: 0.5541.
        assert!(close(
            Servers::new(10, 8.0, 1.0).unwrap().waits(),
            0.4092,
            1e-4
        ));
        assert!(close(
            Servers::new(5, 4.0, 1.0).unwrap().waits(),
            0.5541,
            1e-4
        ));
    }

    /// From the stationary distribution of the birth and death process, summed up far.
    fn by_summation(servers: u32, load: f64) -> (f64, f64) {
        let (mut term, mut total, mut busy, mut queue) = (1.0, 1.0, 0.0, 0.0);
        if servers == 0 {
            busy = 1.0;
        }
        for n in 1..20_000u32 {
            term *= load / f64::from(n.min(servers));
            total += term;
            if n >= servers {
                busy += term;
                queue += f64::from(n - servers) * term;
            }
        }
        (busy / total, queue / total)
    }

    #[test]
    fn what_cannot_keep_up_is_refused() {
        let why = Servers::new(2, 4.0, 0.5).unwrap_err().to_string();
        assert_eq!(
            why,
            "load is 2, and must be less than the number of servers"
        );
        assert!(single_server_mean_wait(1.0, 1.0, 1.0).is_err());
        assert!(single_server_mean_wait(0.5, 1.0, 0.9).is_err());
    }

    proptest! {
        #[test]
        fn as_the_chain_says(servers in 1u32..30, utilisation in 0.05..0.98f64) {
            let load = utilisation * f64::from(servers);
            let queue = Servers::new(servers, load / 3.0, 3.0).unwrap();
            let (waits, waiting) = by_summation(servers, load);
            prop_assert!(close(queue.waits(), waits, 1e-9));
            prop_assert!(close(queue.mean_waiting(), waiting, 1e-8));
        }

        #[test]
        fn the_mean_is_the_area_under_the_tail(servers in 1u32..10, utilisation in 0.1..0.9f64) {
            let queue = Servers::new(servers, utilisation * f64::from(servers), 1.0).unwrap();
            let end = 60.0 / queue.spare_rate();
            let steps = 20_000;
            let step = end / f64::from(steps);
            let area: f64 = (0..steps)
                .map(|at| queue.waits_longer_than((f64::from(at) + 0.5) * step) * step)
                .sum();
            prop_assert!(close(area, queue.mean_wait(), 1e-4));
        }

        #[test]
        fn exponential_times_are_a_case_of_both(utilisation in 0.01..0.99f64, service in 0.1..10.0f64) {
            let arrivals = utilisation / service;
            let one = Servers::new(1, arrivals, service).unwrap().mean_wait();
            let general = single_server_mean_wait(arrivals, service, 2.0 * service * service).unwrap();
            prop_assert!(close(one, general, 1e-9));
            // Constant times wait half as long.
            let constant = single_server_mean_wait(arrivals, service, service * service).unwrap();
            prop_assert!(close(constant * 2.0, general, 1e-12));
        }
    }
}
