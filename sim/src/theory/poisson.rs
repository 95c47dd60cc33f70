//! Poisson weights that neither overflow nor underflow.

use statrs::function::gamma::ln_gamma;

/// The probabilities of a Poisson variable around its mean: the first number, and those from it
/// on. What is left out at both ends weighs less than about 1e-17 each; the rest sums to one.
///
/// After B. L. Fox and P. W. Glynn, "Computing Poisson probabilities", Communications of the ACM
/// 31, 1988: outwards from the most probable number, scaled in the end.
pub(super) fn weights(mean: f64) -> (usize, Vec<f64>) {
    if mean <= 0.0 {
        return (0, vec![1.0]);
    }
    let mode = mean.floor();
    let small = 1e-20;
    let mut below = Vec::new();
    let (mut n, mut weight) = (mode, 1.0);
    while n > 0.0 && weight > small {
        weight *= n / mean;
        n -= 1.0;
        below.push(weight);
    }
    let first = mode as usize - below.len();
    let mut all: Vec<f64> = below.into_iter().rev().collect();
    let (mut n, mut weight) = (mode, 1.0);
    while weight > small {
        all.push(weight);
        n += 1.0;
        weight *= mean / n;
    }
    let total: f64 = all.iter().sum();
    all.iter_mut().for_each(|weight| *weight /= total);
    (first, all)
}

/// The logarithm of load^n / n!.
pub(super) fn ln_weight(load: f64, n: u32) -> f64 {
    if n == 0 {
        return 0.0;
    }
    f64::from(n) * load.ln() - ln_gamma(f64::from(n) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn moments_of_small_and_huge_means() {
        for mean in [0.0, 1e-9, 0.3, 1.0, 7.5, 800.0, 1e6] {
            let (first, weights) = weights(mean);
            let at = |i: usize| (first + i) as f64;
            let sum: f64 = weights.iter().sum();
            let first_moment: f64 = weights.iter().enumerate().map(|(i, w)| at(i) * w).sum();
            let spread = |(i, w): (usize, &f64)| (at(i) - mean).powi(2) * w;
            let variance: f64 = weights.iter().enumerate().map(spread).sum();
            assert!(close(sum, 1.0, 1e-12));
            assert!(close(first_moment, mean, 1e-10), "{mean}");
            assert!(close(variance, mean, 1e-8), "{mean}");
        }
    }

    #[test]
    fn both_agree() {
        let (first, weights) = weights(12.5);
        for n in [5u32, 12, 30] {
            let wanted = (ln_weight(12.5, n) - 12.5).exp();
            assert!(close(weights[n as usize - first], wanted, 1e-12));
        }
    }
}
