//! What the programs have in common: how they are told what to do, and what they make of times.

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What stands behind a flag.
pub(crate) fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next()
}

pub(crate) fn number(name: &str, default: usize) -> usize {
    argument(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Between one measured thing and the next, so that what the one leaves to be done does not count for the
/// next: so many milliseconds.
#[allow(dead_code, reason = "not every program measures one by one")]
pub(crate) async fn rest(milliseconds: usize) {
    if milliseconds > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds as u64)).await;
    }
}

/// What that part of the values is below.
pub(crate) fn quantile(all: &mut [f64], at: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    let index = ((all.len() - 1) as f64 * at).round() as usize;
    all[index]
}
