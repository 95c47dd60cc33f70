//! Byte ranges of something whose length is known (RFC 9110, section 14).

use crate::fields::number;

/// What a `Range` field asks of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Everything: the field is of another unit, broken, or asks for several ranges, which a server may
    /// answer with the whole (14.2).
    Whole,
    /// The bytes from the first number to the second, both included.
    Part(u64, u64),
    /// Nothing that there is: the answer is 416.
    Nothing,
}

/// Reads a `Range` field against a body of `length` bytes.
#[must_use]
pub fn asked(field: &str, length: u64) -> Asked {
    let Some((unit, set)) = field.split_once('=') else {
        return Asked::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Asked::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Asked::Whole;
    };
    let end = length.checked_sub(1);
    match (number(first), number(last), first, last) {
        (None, Some(suffix), "", _) => match end {
            Some(end) if suffix > 0 => Asked::Part(length.saturating_sub(suffix), end),
            _ => Asked::Nothing,
        },
        (Some(first), None, _, "") => match end {
            Some(end) if first <= end => Asked::Part(first, end),
            _ => Asked::Nothing,
        },
        (Some(first), Some(last), _, _) if first <= last => match end {
            Some(end) if first <= end => Asked::Part(first, last.min(end)),
            _ => Asked::Nothing,
        },
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(asked("bytes=0-499", 10_000), Asked::Part(0, 499));
        assert_eq!(asked("bytes=9500-", 10_000), Asked::Part(9500, 9999));
        assert_eq!(asked("bytes=-500", 10_000), Asked::Part(9500, 9999));
        assert_eq!(asked("bytes=-20000", 10_000), Asked::Part(0, 9999));
        assert_eq!(asked("bytes=0-0,-1", 10_000), Asked::Whole);
        assert_eq!(asked("bytes=10000-", 10_000), Asked::Nothing);
        assert_eq!(asked("bytes=-0", 10_000), Asked::Nothing);
        assert_eq!(asked("bytes=0-", 0), Asked::Nothing);
    }

    #[test]
    fn what_is_no_range_asks_for_all() {
        for broken in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "lines=0-5",
            "bytes=+1-2",
            "bytes=18446744073709551616-",
        ] {
            assert_eq!(asked(broken, 100), Asked::Whole, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_inside(field in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0_u64..300) {
            if let Asked::Part(first, last) = asked(&field, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
