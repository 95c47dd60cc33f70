use proptest::prelude::*;

use super::*;

const MADE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MADE_AT: u64 = 784_111_777;

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter()
        .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
        .collect()
}

fn lifetime(answer: &[(&str, &str)]) -> Option<u64> {
    storable(&Fields::new(), 200, &fields(answer), 0).map(|freshness| freshness.lifetime)
}

#[test]
fn the_strongest_word_on_freshness_counts() {
    let expires = ("Expires", "Sun, 06 Nov 1994 08:50:37 GMT");
    assert_eq!(
        lifetime(&[
            ("Cache-Control", "max-age=5, s-maxage=9"),
            expires,
            ("Date", MADE)
        ]),
        Some(9)
    );
    assert_eq!(
        lifetime(&[("cache-control", "Max-Age=\"5\""), expires, ("Date", MADE)]),
        Some(5)
    );
    assert_eq!(lifetime(&[expires, ("Date", MADE)]), Some(60));
    assert_eq!(lifetime(&[]), None);
}

#[test]
fn what_says_nothing_gets_the_default() {
    let stored = |answer: &[(&str, &str)]| storable(&Fields::new(), 200, &fields(answer), 30);
    assert_eq!(stored(&[]).map(|f| f.lifetime), Some(30));
    assert_eq!(
        stored(&[("cache-control", "max-age=0")]),
        None,
        "it does say something"
    );
    assert_eq!(
        stored(&[("expires", "0")]),
        None,
        "a broken date has passed"
    );
}

#[test]
fn broken_freshness_is_stale() {
    for broken in [
        "max-age=",
        "max-age",
        "max-age=-1",
        "max-age=1.5",
        "max-age=60, max-age=0",
    ] {
        assert_eq!(lifetime(&[("cache-control", broken)]), None, "{broken}");
    }
    assert_eq!(
        lifetime(&[("cache-control", "max-age=99999999999999999999")]),
        Some(u64::MAX)
    );
}

#[test]
fn what_is_not_for_everybody_is_not_stored() {
    for forbidden in [
        ("cache-control", "max-age=60, no-store"),
        ("cache-control", "max-age=60, private"),
        ("cache-control", "max-age=60, private=\"x, y\""),
        ("cache-control", "no-cache, max-age=60"),
        ("vary", "*"),
        ("set-cookie", "a=b"),
        ("content-range", "bytes 0-1/2"),
    ] {
        assert_eq!(
            lifetime(&[("cache-control", "max-age=60"), forbidden]),
            None,
            "{forbidden:?}"
        );
    }
    let fresh = fields(&[("cache-control", "max-age=60")]);
    for status in [201, 204, 206, 301, 404, 500] {
        assert_eq!(
            storable(&Fields::new(), status, &fresh, 0),
            None,
            "{status}"
        );
    }
    assert_eq!(
        storable(&fields(&[("cache-control", "no-store")]), 200, &fresh, 0),
        None
    );
}

#[test]
fn with_authorization_only_what_is_expressly_public_is_stored_and_used() {
    let request = fields(&[("Authorization", "Basic x")]);
    assert_eq!(
        storable(
            &request,
            200,
            &fields(&[("cache-control", "max-age=60")]),
            0
        ),
        None
    );
    for public in [
        "public, max-age=60",
        "s-maxage=60",
        "max-age=60, must-revalidate",
    ] {
        let freshness =
            storable(&request, 200, &fields(&[("cache-control", public)]), 0).expect(public);
        assert!(takes(&request, freshness, 0), "{public}");
    }
    assert!(!takes(
        &request,
        Freshness {
            lifetime: 60,
            for_all: false
        },
        0
    ));
}

#[test]
fn age_is_what_was_said_or_what_shows() {
    let answer = fields(&[("date", MADE), ("age", "3")]);
    assert_eq!(age_on_arrival(&answer, MADE_AT, 0), 3);
    assert_eq!(age_on_arrival(&answer, MADE_AT, 2), 5);
    assert_eq!(age_on_arrival(&answer, MADE_AT + 10, 2), 10);
    assert_eq!(
        age_on_arrival(&answer, MADE_AT - 10, 0),
        3,
        "a clock that is behind"
    );
    assert_eq!(age_on_arrival(&Fields::new(), MADE_AT, 4), 4);
}

#[test]
fn a_request_may_want_it_fresher() {
    let kept = Freshness {
        lifetime: 60,
        for_all: false,
    };
    let asks = |control: &str| fields(&[("cache-control", control)]);
    assert!(takes(&Fields::new(), kept, 59));
    assert!(!takes(&Fields::new(), kept, 60));
    assert!(!takes(&asks("no-cache"), kept, 0));
    assert!(!takes(&fields(&[("pragma", "no-cache")]), kept, 0));
    assert!(takes(&asks("max-age=10"), kept, 10));
    assert!(!takes(&asks("max-age=10"), kept, 11));
    assert!(takes(&asks("min-fresh=50"), kept, 10));
    assert!(!takes(&asks("min-fresh=50"), kept, 11));
    assert!(
        !takes(&asks("max-stale=100"), kept, 61),
        "nothing stale is served"
    );
}

#[test]
fn variants_are_told_apart_by_what_they_depend_on() {
    let answer = fields(&[("Vary", "Accept-Language, accept"), ("vary", "Accept")]);
    let names = vary(&answer);
    assert_eq!(names, ["accept", "accept-language"]);
    let one = selecting(&names, &fields(&[("accept", "a,  b")]));
    assert_eq!(
        one,
        selecting(
            &names,
            &fields(&[("Accept", "a"), ("accept", "b"), ("x", "y")])
        )
    );
    assert_ne!(
        one,
        selecting(
            &names,
            &fields(&[("accept", "a, b"), ("accept-language", "")])
        )
    );
}

#[test]
fn conditions_and_ranges_are_answered_from_what_is_stored() {
    let stored = fields(&[("etag", "\"a\""), ("last-modified", MADE)]);
    let gets = |request: &[(&str, &str)]| serves(&fields(request), false, &stored, 100);
    assert_eq!(gets(&[]), Served::Whole);
    assert_eq!(gets(&[("if-none-match", "W/\"a\"")]), Served::NotModified);
    assert_eq!(
        gets(&[("if-none-match", "\"b\""), ("if-modified-since", MADE)]),
        Served::Whole
    );
    assert_eq!(gets(&[("if-modified-since", MADE)]), Served::NotModified);
    assert_eq!(
        gets(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]),
        Served::Whole
    );
    assert_eq!(gets(&[("range", "bytes=10-")]), Served::Part(10, 99));
    assert_eq!(gets(&[("range", "bytes=100-")]), Served::NoSuchRange);
    assert_eq!(gets(&[("range", "bytes=0-1,5-6")]), Served::Whole);
    for (if_range, expected) in [
        ("\"a\"", Served::Part(0, 4)),
        (MADE, Served::Part(0, 4)),
        ("W/\"a\"", Served::Whole),
        ("\"b\"", Served::Whole),
    ] {
        assert_eq!(
            gets(&[("range", "bytes=0-4"), ("if-range", if_range)]),
            expected,
            "{if_range}"
        );
    }
    assert_eq!(
        serves(&fields(&[("range", "bytes=0-4")]), true, &stored, 100),
        Served::Whole,
        "HEAD has no ranges"
    );
}

#[test]
fn dates_are_written_as_they_are_read() {
    assert_eq!(as_date(MADE_AT), MADE);
    assert!(as_date(u64::MAX).contains("9999"));
}

proptest! {
    /// Whatever headers come, nothing that is used is older than it may be.
    #[test]
    fn nothing_stale_is_taken(control in "(max-age|s-maxage|no-cache|public|[a-z]{1,4})(=[0-9\"]{0,4})?(, ?max-age=[0-9]{1,3})?", asks in "[ -~]{0,20}", age in 0_u64..2000) {
        let request = fields(&[("cache-control", &asks)]);
        if let Some(freshness) = storable(&request, 200, &fields(&[("cache-control", &control)]), 0)
            && takes(&request, freshness, age)
        {
            prop_assert!(age < freshness.lifetime);
        }
    }
}
