//! The example of the library's documentation runs, and its strategies make a difference.

#[path = "../../examples/own_strategies.rs"]
mod example;

#[test]
fn strategies_of_ones_own_are_swept_and_compared() {
    let text = example::study(2).unwrap_or_else(|e| panic!("{e}"));
    let row = |point: &str| {
        let row = text.lines().find(|line| line.starts_with(point));
        let row = row.unwrap_or_else(|| panic!("no row of {point} in\n{text}"));
        let figures = row[32..].split_whitespace();
        let figures: Vec<f64> = figures.filter_map(|word| word.parse().ok()).collect();
        assert_eq!(figures.len(), 6, "{row}");
        figures
    };
    let (best, cheapest) = (
        row("best-quality, nearest-holder"),
        row("cheapest-first, nearest-holder"),
    );
    assert!(cheapest[0] < best[0], "fewer are refused\n{text}");
    let by_the_root = row("best-quality, by-the-root");
    assert_ne!(by_the_root[4], best[4], "set-ups take another time\n{text}");
    assert_eq!(text.matches("p = ").count(), 12, "{text}");
}
