//! Draws by number are as good as those of one generator, one after the other.

use rand::RngExt;
use waybook_sim::random::Draws;

use crate::support::moments;

/// The first draw of each of 100,000 numbers.
fn firsts(draws: Draws, purpose: u64) -> Vec<f64> {
    (0..100_000)
        .map(|n| draws.nth(purpose, n).random::<f64>())
        .collect()
}

/// How much two series go together, from -1 to 1.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    let product = |(a, b): (&f64, &f64)| (a - mean_a) * (b - mean_b);
    a.iter().zip(b).map(product).sum::<f64>() / a.len() as f64 / (var_a * var_b).sqrt()
}

/// Of 100,000 numbers from 0 to 1 the mean has the standard error 0.0009, the variance
/// 0.0002; a correlation of unrelated ones 0.003. All within four of these.
#[test]
fn draws_by_number_are_even_and_unrelated() {
    let draws = Draws::new(1, "r/a", 0);
    let series = [
        firsts(draws, 0),
        firsts(draws, 1),
        firsts(Draws::new(1, "r/a", 1), 0),
        firsts(Draws::new(1, "r/b", 0), 0),
        firsts(Draws::new(2, "r/a", 0), 0),
    ];
    for (number, a) in series.iter().enumerate() {
        let (mean, variance) = moments(a);
        assert!((mean - 0.5).abs() < 0.0037, "{number}: mean {mean}");
        assert!(
            (variance - 1.0 / 12.0).abs() < 0.0009,
            "{number}: {variance}"
        );
        for lag in [1, 2, 3] {
            let own = correlation(&a[lag..], &a[..a.len() - lag]);
            assert!(own.abs() < 0.0127, "{number}: {own} after {lag}");
        }
        for b in &series[..number] {
            let both = correlation(a, b);
            assert!(both.abs() < 0.0127, "{number}: {both}");
        }
    }
}

#[test]
fn a_draw_follows_from_its_number_alone() {
    let draws = Draws::new(1, "r/a", 0);
    let mut first = draws.nth(3, 7);
    let before: [u64; 3] = first.random();
    let _: u64 = draws.nth(3, 6).random();
    assert_eq!(before, draws.nth(3, 7).random::<[u64; 3]>());
}
