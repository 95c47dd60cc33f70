//! Several rates on one link.
//!
//! J. S. Kaufman, "Blocking in a shared resource environment", IEEE Transactions on
//! Communications 29, 1981; J. W. Roberts, "A service system with heterogeneous user
//! requirements", 1981. Each class of requests arrives as a Poisson process and takes its number of
//! units for its holding time; a request that does not fit is lost. Holding times matter by
//! their means alone.

use super::{OutOfRange, not_negative, require};

/// Of how many units the distribution is worked out at most.
const MOST_UNITS: u32 = 10_000_000;

/// What one class of requests asks of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The load in erlangs: arrivals per second times mean holding time, whatever the units.
    pub load: f64,
    /// How many units each request takes.
    pub units: u32,
}

/// The distribution of the number of busy units, 0 to `capacity`; it sums to one.
///
/// By the recursion j q(j) = sum over classes of a b q(j - b), rescaled as it grows, so that
/// loads of any size do.
///
/// # Errors
/// If a load is negative or not a number, a class takes no units, or the capacity is more than
/// ten million units: count in greater ones.
pub fn occupancy(capacity: u32, rates: &[Rate]) -> Result<Vec<f64>, OutOfRange> {
    let wanted = "at most ten million units";
    let bounded = capacity <= MOST_UNITS;
    require(bounded, "capacity", f64::from(capacity), wanted)?;
    for rate in rates {
        not_negative("load", rate.load)?;
        require(rate.units > 0, "units", 0.0, "at least 1")?;
    }
    let mut q = Vec::with_capacity(capacity as usize + 1);
    q.push(1.0f64);
    for busy in 1..=capacity as usize {
        let arriving = |rate: &Rate| {
            let before = busy.checked_sub(rate.units as usize);
            before.map_or(0.0, |at| rate.load * f64::from(rate.units) * q[at])
        };
        let next = rates.iter().map(arriving).sum::<f64>() / busy as f64;
        q.push(next);
        if next > 1e200 {
            q.iter_mut().for_each(|value| *value *= 1e-200);
        }
    }
    let total: f64 = q.iter().sum();
    q.iter_mut().for_each(|value| *value /= total);
    Ok(q)
}

/// The probability that a request is lost, for each class in the order given, between 0 and 1.
///
/// # Errors
/// As [`occupancy`].
pub fn blocking(capacity: u32, rates: &[Rate]) -> Result<Vec<f64>, OutOfRange> {
    let q = occupancy(capacity, rates)?;
    let lost = |rate: &Rate| {
        let fits_below = q.len().saturating_sub(rate.units as usize);
        q[fits_below..].iter().sum()
    };
    Ok(rates.iter().map(lost).collect())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::network::{LossNetwork, Route};
    use super::super::{close, erlang};
    use super::*;

    fn rate(load: f64, units: u32) -> Rate {
        Rate { load, units }
    }

    /// Worked out by hand from the definition: capacity 3, one erlang of 1 unit and half an
    /// erlang of 2: q = 1, 1, 1, 2/3 in proportion.
    #[test]
    fn by_hand() {
        let q = occupancy(3, &[rate(1.0, 1), rate(0.5, 2)]).unwrap();
        let wanted = [3.0, 3.0, 3.0, 2.0].map(|part| part / 11.0);
        assert!(q.iter().zip(wanted).all(|(a, b)| close(*a, b, 1e-14)));
        let lost = blocking(3, &[rate(1.0, 1), rate(0.5, 2)]).unwrap();
        assert!(close(lost[0], 2.0 / 11.0, 1e-14));
        assert!(close(lost[1], 5.0 / 11.0, 1e-14));
    }

    #[test]
    fn one_rate_is_erlang_whatever_its_units() {
        for (capacity, load, units) in [(10, 7.0, 1), (30, 7.0, 3), (32, 7.0, 3), (4000, 900.0, 4)]
        {
            let lost = blocking(capacity, &[rate(load, units)]).unwrap();
            let erlang = erlang::blocking(capacity / units, load).unwrap();
            assert!(close(lost[0], erlang, 1e-10), "{capacity} {load} {units}");
        }
    }

    #[test]
    fn loads_beyond_what_exponentials_bear() {
        let lost = blocking(5_000, &[rate(4_000.0, 1), rate(200.0, 10)]).unwrap();
        // More than is there is offered: a sixth must go.
        let refused: f64 = 4_000.0 * lost[0] + 2_000.0 * lost[1];
        assert!(refused > 1_000.0 && lost[1] > 7.0 * lost[0], "{lost:?}");
        // What is busy is what is carried.
        let q = occupancy(5_000, &[rate(4_000.0, 1), rate(200.0, 10)]).unwrap();
        let busy: f64 = q.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
        assert!(close(busy, 6_000.0 - refused, 1e-10));
    }

    #[test]
    fn what_is_greater_than_the_link_never_fits() {
        assert_eq!(blocking(3, &[rate(1.0, 4)]).unwrap(), [1.0]);
        assert!(blocking(3, &[rate(1.0, 0)]).is_err());
        assert!(blocking(3, &[rate(-1.0, 1)]).is_err());
        assert!(blocking(u32::MAX, &[rate(1.0, 1)]).is_err());
    }

    proptest! {
        #[test]
        fn as_the_product_form_says(
            capacity in 1u32..14,
            rates in vec((0.01..5.0f64, 1u32..5), 1..4),
        ) {
            let rates: Vec<_> = rates.into_iter().map(|(a, b)| rate(a, b)).collect();
            let routes = rates.iter().map(|r| Route { load: r.load, demand: vec![r.units] });
            let network = LossNetwork::new(vec![Some(capacity)], routes.collect()).unwrap();
            let exact = network.blocking().unwrap();
            let lost = blocking(capacity, &rates).unwrap();
            for (a, b) in lost.iter().zip(&exact) {
                prop_assert!(close(*a, *b, 1e-11));
            }
        }

        #[test]
        fn sums_to_one_and_the_greater_rate_suffers(
            capacity in 10u32..200,
            small in 0.1..100.0f64,
            great in 0.1..20.0f64,
        ) {
            let rates = [rate(small, 1), rate(great, 5)];
            let q = occupancy(capacity, &rates).unwrap();
            prop_assert!(close(q.iter().sum(), 1.0, 1e-12));
            let lost = blocking(capacity, &rates).unwrap();
            prop_assert!(lost[0] < lost[1]);
            // The mean number of busy units is what is carried.
            let busy: f64 = q.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
            let carried = small * (1.0 - lost[0]) + 5.0 * great * (1.0 - lost[1]);
            prop_assert!(close(busy, carried, 1e-9));
        }
    }
}
