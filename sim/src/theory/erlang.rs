//! Erlang B: requests that find all servers busy are lost.
//!
//! A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in
//! automatic telephone exchanges", 1917. Requests arrive as a Poisson process, each takes one of
//! `servers` servers for its holding time; the result depends on the holding times' mean alone
//! (B. A. Sevastyanov 1957), so it holds for every distribution of theirs.

use super::{OutOfRange, not_negative};

/// The probability that a request is lost, between 0 and 1; by PASTA also the share of time in
/// which all servers are busy.
///
/// `load` is in erlangs and may be any number that is not negative. The recursion
/// B(n) = a B(n-1) / (n + a B(n-1)) only adds and multiplies positive numbers, so its relative error
/// stays at a few units in the last place per step whatever the size (E. Jagerman, "Some properties of
/// the Erlang loss function", Bell System Technical Journal 53, 1974). Time grows with `servers`.
///
/// # Errors
/// If the load is negative or not a number.
pub fn blocking(servers: u32, load: f64) -> Result<f64, OutOfRange> {
    not_negative("load", load)?;
    let mut lost = 1.0;
    for n in 1..=servers {
        let refused = load * lost;
        lost = refused / (f64::from(n) + refused);
    }
    Ok(lost)
}

/// The mean number of busy servers: load x (1 - blocking), between 0 and `servers`.
///
/// # Errors
/// As [`blocking`].
pub fn carried(servers: u32, load: f64) -> Result<f64, OutOfRange> {
    Ok(load * (1.0 - blocking(servers, load)?))
}

/// The smallest number of servers with which no more than that share of requests is lost.
///
/// # Errors
/// If the load is negative or not a number, or `share` is not between 0 (exclusive) and 1.
pub fn servers_for(load: f64, share: f64) -> Result<u32, OutOfRange> {
    not_negative("load", load)?;
    super::require(
        share > 0.0 && share <= 1.0,
        "share",
        share,
        "above 0 and at most 1",
    )?;
    let (mut servers, mut lost) = (0u32, 1.0);
    while lost > share {
        servers += 1;
        let refused = load * lost;
        lost = refused / (f64::from(servers) + refused);
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::close;
    use super::*;

    /// The formula as Erlang wrote it, term by term.
    fn as_written(servers: u32, load: f64) -> f64 {
        let mut term = 1.0;
        let mut sum = 1.0;
        for n in 1..=servers {
            term *= load / f64::from(n);
            sum += term;
        }
        term / sum
    }

    /// Loads at which a share is lost: from the common tables of the formula, with the digits that
    /// are printed there; those for 17 and 25 servers are worked examples in the reference of
    /// Abstract Micro Systems' Erlang library.
    #[test]
    fn published_tables() {
        let table = [
            (1, 0.0101, 0.01),
            (2, 0.1526, 0.01),
            (5, 1.3608, 0.01),
            (10, 4.4612, 0.01),
            (20, 12.031, 0.01),
            (50, 37.901, 0.01),
            (100, 84.064, 0.01),
            (10, 3.0920, 0.001),
            (20, 9.4115, 0.001),
            (10, 6.2157, 0.05),
            (30, 24.802, 0.05),
            (20, 17.613, 0.1),
            (17, 9.6516, 0.01),
            (17, 12.4613, 0.05),
            (25, 16.1245, 0.01),
        ];
        for (servers, load, share) in table {
            let lost = blocking(servers, load).unwrap();
            // As many digits as the loads have.
            assert!(close(lost, share, 4e-4), "{servers} {load}: {lost}");
        }
    }

    #[test]
    fn what_can_be_done_in_the_head() {
        assert_eq!(blocking(0, 3.0).unwrap(), 1.0);
        assert_eq!(blocking(3, 0.0).unwrap(), 0.0);
        assert!(close(blocking(1, 1.0).unwrap(), 0.5, 1e-15));
        assert!(close(blocking(2, 1.0).unwrap(), 0.2, 1e-15));
        assert!(close(carried(2, 1.0).unwrap(), 0.8, 1e-15));
    }

    #[test]
    fn far_beyond_factorials() {
        // For load = servers = n, B is sqrt(2 / (pi n)) up to terms of 1/n (Jagerman 1974).
        let n = 1_000_000;
        let lost = blocking(n, f64::from(n)).unwrap();
        let asymptote = (2.0 / (std::f64::consts::PI * f64::from(n))).sqrt();
        assert!(close(lost, asymptote, 1e-3), "{lost} {asymptote}");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let why = blocking(3, -1.0).unwrap_err().to_string();
        assert_eq!(why, "load is -1, and must be a finite number, not negative");
        assert!(blocking(3, f64::NAN).is_err());
        assert!(servers_for(3.0, 0.0).is_err());
    }

    proptest! {
        #[test]
        fn as_erlang_wrote_it(servers in 0u32..100, load in 0.0..100.0f64) {
            let lost = blocking(servers, load).unwrap();
            prop_assert!(close(lost, as_written(servers, load), 1e-12));
        }

        #[test]
        fn more_load_loses_more_and_more_servers_less(
            servers in 1u32..100,
            load in 0.5..300.0f64,
            more in 0.01..10.0f64,
        ) {
            let lost = blocking(servers, load).unwrap();
            prop_assert!((0.0..=1.0).contains(&lost));
            prop_assert!(blocking(servers, load + more).unwrap() > lost);
            prop_assert!(blocking(servers + 1, load).unwrap() < lost);
            // And never more is carried than there are servers.
            prop_assert!(carried(servers, load).unwrap() < f64::from(servers));
        }

        #[test]
        fn just_enough_servers(load in 0.1..100.0f64, share in 1e-6..0.5f64) {
            let servers = servers_for(load, share).unwrap();
            prop_assert!(blocking(servers, load).unwrap() <= share);
            prop_assert!(blocking(servers - 1, load).unwrap() > share);
        }
    }
}
