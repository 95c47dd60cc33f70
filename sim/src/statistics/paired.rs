//! Two ways compared over the same random numbers.
//!
//! Replication i of both draws the same numbers, so what luck does to both cancels in the
//! difference. All tests look at the differences, one for each replication.

use statrs::function::erf::erfc;

use super::interval::student_tail;
use super::{Interval, Moments};

/// What the differences say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Student's interval for the mean of first minus second.
    pub difference: Interval,
    /// The probability, between 0 and 1, of a mean difference at least as far from zero if there
    /// is none in truth, by Student's t.
    pub p_student: f64,
    /// The same by the signed ranks, which need no normal distribution but symmetry.
    pub p_signed_rank: f64,
    /// By how much less the difference varies than it would with independent random numbers: 1 minus
    /// the variance of the differences over the sum of both variances. 0 if nothing was gained.
    pub gained: f64,
}

/// Compares two lists of results, one for each replication, in the same order.
///
/// None for fewer than two replications or lists of different lengths.
///
/// # Panics
/// If the confidence is not above 0 and below 1.
#[must_use]
pub fn compare(first: &[f64], second: &[f64], confidence: f64) -> Option<Comparison> {
    if first.len() != second.len() {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let moments: Moments = differences.iter().copied().collect();
    let difference = Interval::student(&moments, confidence)?;
    let error = moments.standard_error()?;
    let p_student = if moments.mean == 0.0 {
        1.0
    } else if error == 0.0 {
        0.0
    } else {
        2.0 * student_tail((moments.mean / error).abs(), (moments.count - 1) as f64)
    };
    let apart: f64 = [first, second]
        .iter()
        .map(|list| list.iter().copied().collect::<Moments>().squares)
        .sum();
    Some(Comparison {
        difference,
        p_student,
        p_signed_rank: signed_rank(&differences),
        gained: if apart > 0.0 {
            1.0 - moments.squares / apart
        } else {
            0.0
        },
    })
}

/// How many differences are ranked exactly; of more, the statistic is taken as normal.
const EXACT: usize = 60;

/// The probability of signed ranks at least as uneven if the differences are symmetric about
/// zero: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945. Zero
/// differences are left out, equal ones share their ranks. Exact for up to 60 differences, by
/// counting the assignments of signs; normal with a correction for continuity beyond.
#[must_use]
pub fn signed_rank(differences: &[f64]) -> f64 {
    let mut sizes: Vec<(f64, bool)> = differences
        .iter()
        .filter(|d| **d != 0.0)
        .map(|d| (d.abs(), *d > 0.0))
        .collect();
    if sizes.is_empty() {
        return 1.0;
    }
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the ranks, so that shared ones are whole numbers.
    let mut ranks = Vec::with_capacity(sizes.len());
    for equal in sizes.chunk_by(|a, b| a.0 == b.0) {
        let before = ranks.len();
        ranks.resize(before + equal.len(), 2 * before + equal.len() + 1);
    }
    let positive = sizes.iter().zip(&ranks).filter(|((_, up), _)| *up);
    let sum: usize = positive.map(|(_, rank)| rank).sum();
    let total: usize = ranks.iter().sum();
    let less = sum.min(total - sum);
    if ranks.len() <= EXACT {
        by_counting(&ranks, less)
    } else {
        by_normal(&ranks, less)
    }
}

/// How likely twice the smaller sum of ranks is at most `less`, when every sign is a coin.
fn by_counting(ranks: &[usize], less: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    for rank in ranks {
        for sum in (0..=total).rev() {
            let without = if sum >= *rank {
                chance[sum - rank]
            } else {
                0.0
            };
            chance[sum] = (chance[sum] + without) / 2.0;
        }
    }
    (2.0 * chance[..=less].iter().sum::<f64>()).min(1.0)
}

/// The same by the normal distribution.
fn by_normal(ranks: &[usize], less: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let variance: f64 = ranks.iter().map(|rank| (*rank as f64).powi(2)).sum::<f64>() / 4.0;
    // Half of a step of the sum of ranks is one here.
    let off = (total as f64 / 2.0 - less as f64 - 1.0).max(0.0);
    erfc(off / variance.sqrt() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random;

    #[test]
    fn by_hand() {
        let comparison = compare(&[5.0, 7.0, 9.0, 6.0], &[4.0, 5.0, 6.0, 4.0], 0.95).unwrap();
        // Differences 1, 2, 3, 2: mean 2, deviation sqrt(2/3), t = 4.899 with 3 degrees.
        assert!((comparison.difference.mean - 2.0).abs() < 1e-12);
        assert!(
            (comparison.p_student - 0.016_28).abs() < 1e-4,
            "{}",
            comparison.p_student
        );
        // All four signs alike: two of sixteen assignments.
        assert!((comparison.p_signed_rank - 0.125).abs() < 1e-12);
        // The two ones share the rank 1.5; five of sixteen assignments have a sum of at most 3.
        assert!((signed_rank(&[-1.0, -1.0, 2.0, 3.0]) - 0.625).abs() < 1e-12);
        assert!(compare(&[1.0, 2.0], &[1.0], 0.95).is_none());
        let same = compare(&[1.0, 2.0], &[1.0, 2.0], 0.95).unwrap();
        assert_eq!((same.p_student, same.p_signed_rank), (1.0, 1.0));
    }

    /// The critical values of the two-sided test at 5%, as in Wilcoxon's table: with n differences
    /// the smaller sum of ranks may be so great, and no greater.
    #[test]
    fn published_critical_values() {
        for (n, critical) in [(6, 0), (8, 3), (10, 8), (15, 25), (20, 52), (25, 89)] {
            let p = |least: usize| {
                // Ranks taken greedily as negative so that they sum to `least`.
                let mut left = least;
                let mut differences: Vec<f64> = Vec::new();
                for rank in (1..=n).rev() {
                    let negative = rank <= left;
                    left -= if negative { rank } else { 0 };
                    differences.push(rank as f64 * if negative { -1.0 } else { 1.0 });
                }
                assert_eq!(left, 0);
                signed_rank(&differences)
            };
            assert!(p(critical) <= 0.05, "{n} {}", p(critical));
            assert!(p(critical + 1) > 0.05, "{n} {}", p(critical + 1));
        }
    }

    #[test]
    fn exact_and_normal_agree_where_they_meet() {
        let ranks: Vec<usize> = (1..=60).map(|rank| 2 * rank).collect();
        for less in [1_100, 1_300, 1_500, 1_700] {
            let (exact, normal) = (by_counting(&ranks, less), by_normal(&ranks, less));
            let off = (exact - normal).abs();
            assert!(off < 0.12 * exact, "{exact} {normal}");
        }
    }

    /// Under no difference each test accuses about one in ten at that level; common luck makes a
    /// small difference visible.
    #[test]
    fn accuses_as_often_as_it_says_and_gains_from_common_luck() {
        let mut rng = random::stream(1, "pairs", 0);
        let (mut student, mut ranks) = (0, 0);
        for _ in 0..2_000 {
            let pairs: Vec<(f64, f64)> = (0..12)
                .map(|_| {
                    let luck = rng.random_range(0.0..10.0);
                    let own = |rng: &mut rand::rngs::StdRng| rng.random_range(0.0..1.0);
                    (luck + own(&mut rng), luck + own(&mut rng))
                })
                .collect();
            let (first, second): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let fair = compare(&first, &second, 0.9).unwrap();
            student += u32::from(fair.p_student < 0.1);
            ranks += u32::from(fair.p_signed_rank < 0.1);
            let better: Vec<f64> = first.iter().map(|a| a + 1.5).collect();
            let found = compare(&better, &second, 0.9).unwrap();
            assert!(found.p_student < 0.01 && found.difference.low() > 0.0);
            assert!(found.gained > 0.8);
        }
        // Five standard deviations are 67; signed ranks of 12 come in steps.
        assert!((133..=267).contains(&student), "{student}");
        assert!((110..=267).contains(&ranks), "{ranks}");
    }
}
