//! Amounts as people write them.

use std::time::Duration;

use proptest::prelude::*;
use waybook_plan::{
    Resource, format_amount, format_bandwidth, format_duration, parse_amount, parse_bandwidth,
    parse_duration,
};

fn resource(name: &str) -> Resource {
    Resource::new(name).unwrap()
}

/// Checks what a text reads as: an amount, or an error that contains all the words.
#[track_caller]
fn check(of: &str, text: &str, wanted: Result<u64, &[&str]>) {
    match (parse_amount(&resource(of), text), wanted) {
        (Ok(amount), Ok(wanted)) => assert_eq!(amount, wanted, "{of} {text:?}"),
        (Err(error), Err(words)) => {
            let message = error.to_string();
            for word in words {
                assert!(
                    message.contains(word),
                    "{of} {text:?}: no {word:?} in: {message}"
                );
            }
        }
        (got, wanted) => panic!("{of} {text:?}: got {got:?}, wanted {wanted:?}"),
    }
}

#[test]
fn amounts_read_exactly() {
    check("cpu", "250m", Ok(250));
    check("cpu", "2", Ok(2000));
    check("cpu", "1.5", Ok(1500));
    check("cpu", "0", Ok(0));
    check("memory", "64 MiB", Ok(64 << 20));
    check("memory", "64MiB", Ok(64 << 20));
    check("memory", " 1.5   GiB ", Ok(3 << 29));
    check("memory", "1 TiB", Ok(1 << 40));
    check("memory", "1 KiB", Ok(1024));
    check("memory", "1 kB", Ok(1000));
    check("memory", "2 MB", Ok(2_000_000));
    check("memory", "2 GB", Ok(2_000_000_000));
    check("memory", "7 B", Ok(7));
    check("memory", "18446744073709551615 B", Ok(u64::MAX));
    check("down", "4 Mbit/s", Ok(4_000_000));
    check("up", "1.5 Mbit/s", Ok(1_500_000));
    check("up", "0.001 kbit/s", Ok(1));
    check("up", "9 bit/s", Ok(9));
    check(
        "down",
        "1.000000000000000000000000 Gbit/s",
        Ok(1_000_000_000),
    );
    check("licences", "3", Ok(3));
}

#[test]
fn what_is_refused_says_what_would_be_right() {
    const BITS: &[&str] = &["bit/s, kbit/s, Mbit/s, Gbit/s", "`4 Mbit/s`"];
    const BYTES: &[&str] = &["B, kB, KiB, MB, MiB, GB, GiB, TB, TiB", "`64 MiB`"];
    for bad in [
        "",
        "4",
        "Mbit/s",
        "4 Mbps",
        "4 mbit/s",
        "-4 Mbit/s",
        "+4 Mbit/s",
        "4. Mbit/s",
    ] {
        check("down", bad, Err(BITS));
    }
    for bad in [
        ".5 MiB",
        "1.2.3 MiB",
        "1e3 B",
        "٣ B",
        "1_000 B",
        "64",
        "64 Mib",
        "64 MiB x",
    ] {
        check("memory", bad, Err(BYTES));
    }
    check(
        "memory",
        "1.5 B",
        Err(&["no whole number of B", "not rounded"]),
    );
    check("up", "1.2345 kbit/s", Err(&["no whole number of bit/s"]));
    check("cpu", "0.5m", Err(&["no whole number of m", "`250m`"]));
    check("cpu", "1.0005", Err(&["no whole number of m"]));
    check(
        "up",
        "0.0000000000000000001 bit/s",
        Err(&["no whole number"]),
    );
    for decimals in [19, 39, 45, 400] {
        let text = format!("0.{}1 Gbit/s", "0".repeat(decimals - 1));
        check("up", &text, Err(&["no whole number"]));
        let text = format!("1.{} Gbit/s", "9".repeat(decimals));
        check("up", &text, Err(&["no whole number"]));
    }
    check(
        "memory",
        "18446744073709551616 B",
        Err(&["larger than memory can be"]),
    );
    check(
        "memory",
        "16777216 TiB",
        Err(&["larger than memory can be"]),
    );
    check("memory", &"9".repeat(400), Err(BYTES));
    check(
        "memory",
        &format!("{} TiB", "9".repeat(39)),
        Err(&["larger"]),
    );
    check(
        "memory",
        &format!("{} TiB", "9".repeat(38)),
        Err(&["larger"]),
    );
    check("licences", "1.5", Err(&["no whole number"]));
    check(
        "licences",
        "3 of",
        Err(&["amount of licences", "without a unit", "`3`"]),
    );
    check("memory", "1\n\u{1b}[31m", Err(&["`1\\n\\u{1b}[31m`"]));
}

#[test]
fn amounts_are_written_short_and_exact() {
    for (of, amount, text) in [
        ("cpu", 250, "250m"),
        ("cpu", 1500, "1.5"),
        ("cpu", 1250, "1.25"),
        ("cpu", 1234, "1234m"),
        ("cpu", 2000, "2"),
        ("cpu", 0, "0m"),
        ("memory", 64 << 20, "64 MiB"),
        ("memory", 64_000_000, "64 MB"),
        ("memory", 3 << 29, "1.5 GiB"),
        ("memory", 1023, "1023 B"),
        ("memory", 0, "0 B"),
        ("down", 4_000_000, "4 Mbit/s"),
        ("up", 100_000, "100 kbit/s"),
        ("up", 1_500_000, "1.5 Mbit/s"),
        ("up", 1_234_567, "1234567 bit/s"),
        ("licences", 1500, "1500"),
    ] {
        assert_eq!(format_amount(&resource(of), amount), text);
    }
}

#[test]
fn durations_have_their_own_units() {
    for (text, nanos) in [
        ("30 s", 30_000_000_000),
        ("500 ms", 500_000_000),
        ("10 min", 600_000_000_000),
        ("2 h", 7_200_000_000_000),
        ("1.5 s", 1_500_000_000),
        ("7 d", 604_800_000_000_000),
        ("0 ns", 0),
    ] {
        let duration = Duration::from_nanos(nanos);
        assert_eq!(parse_duration(text), Ok(duration));
        assert_eq!(format_duration(duration), text);
    }
    assert_eq!(format_duration(Duration::from_secs(90)), "90 s");
    for bad in ["30", "30 sec", "1.5 ns", "999999999999999999999 s", ""] {
        let error = parse_duration(bad).unwrap_err().to_string();
        assert!(
            error.contains("ns, us, ms, s, min, h, d") && error.contains("`30 s`"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn every_amount_reads_back(
        of in prop_oneof![
            Just("cpu"), Just("memory"), Just("down"), Just("up"), Just("licences")
        ],
        // Round amounts are the ones with many ways to write them.
        amount in prop_oneof![
            any::<u64>(), 0u64..5000,
            (0u64..5000, 0u32..16).prop_map(|(n, e)| n.saturating_mul(10u64.pow(e))),
            (0u64..5000, 0u32..50).prop_map(|(n, e)| n << e),
        ],
    ) {
        let written = format_amount(&resource(of), amount);
        prop_assert_eq!(parse_amount(&resource(of), &written), Ok(amount), "{}", written);
        prop_assert_eq!(parse_bandwidth(&format_bandwidth(amount)), Ok(amount));
    }

    #[test]
    fn every_duration_reads_back(
        seconds in prop_oneof![any::<u64>(), 0u64..10_000],
        nanos in prop_oneof![0u32..1_000_000_000, Just(0), (0u32..1000).prop_map(|n| n * 1_000_000)],
    ) {
        let duration = Duration::new(seconds, nanos);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn any_text_reads_or_is_refused(text in "\\PC*|[0-9.]{0,60} ?[a-zA-Z/]{0,7}") {
        for of in ["cpu", "memory", "up", "licences"] {
            if let Err(error) = parse_amount(&resource(of), &text) {
                prop_assert!(error.to_string().contains("such as"), "{}", error);
            }
        }
        let _ = parse_duration(&text);
    }
}
