use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const FRESH: Freshness = Freshness {
    lifetime: 60,
    for_all: false,
};

fn head(selecting: &[(&str, &str)]) -> Head {
    Head {
        headers: Fields::new(),
        freshness: FRESH,
        age_on_arrival: 0,
        arrived: 0,
        selecting: selecting
            .iter()
            .map(|(n, v)| ((*n).to_owned(), Some((*v).to_owned())))
            .collect(),
    }
}

fn keep(store: &mut Store, uri: &str, selecting: &[(&str, &str)], body: &[u8]) -> bool {
    let mut collecting = store.collect();
    for piece in body.chunks(3) {
        if !store.grow(&mut collecting, piece) {
            return false;
        }
    }
    store.put(uri, head(selecting), collecting);
    true
}

fn body(stored: &Stored) -> Vec<u8> {
    stored.bytes(0, u64::MAX).flatten().copied().collect()
}

fn found(store: &mut Store, uri: &str) -> Option<Vec<u8>> {
    store
        .find(uri, &Fields::new(), 0)
        .map(|stored| body(&stored))
}

#[test]
fn what_was_kept_is_found_until_it_is_stale() {
    let mut store = Store::new(10_000, 1000);
    assert!(keep(&mut store, "a", &[], b"0123456789"));
    let stored = store.find("a", &Fields::new(), 59).unwrap();
    assert_eq!(
        (body(&stored), stored.age(59)),
        (b"0123456789".to_vec(), 59)
    );
    assert!(store.find("b", &Fields::new(), 0).is_none());
    drop(stored);
    assert!(store.find("a", &Fields::new(), 60).is_none());
    assert_eq!(store.held(), 0, "what is stale is given back");
}

#[test]
fn parts_cross_the_pieces() {
    let mut store = Store::new(10_000, 1000);
    assert!(keep(&mut store, "a", &[], b"0123456789"));
    let stored = store.find("a", &Fields::new(), 0).unwrap();
    let part = |from, to| {
        stored
            .bytes(from, to)
            .flatten()
            .copied()
            .collect::<Vec<u8>>()
    };
    assert_eq!(part(2, 7), b"234567");
    assert_eq!(part(3, 3), b"3");
    assert_eq!(part(9, 9), b"9");
}

#[test]
fn one_uri_has_an_answer_for_each_kind_of_request() {
    let mut store = Store::new(100_000, 1000);
    assert!(keep(&mut store, "a", &[("accept-language", "de")], b"ja"));
    assert!(keep(&mut store, "a", &[("accept-language", "en")], b"yes"));
    assert!(keep(&mut store, "a", &[("accept-language", "en")], b"yes!"));
    let ask = |language: &str| vec![("Accept-Language".to_owned(), language.as_bytes().to_vec())];
    assert_eq!(body(&store.find("a", &ask("de"), 0).unwrap()), b"ja");
    assert_eq!(body(&store.find("a", &ask("en"), 0).unwrap()), b"yes!");
    assert!(store.find("a", &ask("it"), 0).is_none());
    store.forget("a");
    assert!(store.find("a", &ask("de"), 0).is_none());
    assert_eq!(store.held(), 0);
}

#[test]
fn of_two_that_fit_the_newer_answers() {
    let mut store = Store::new(100_000, 1000);
    assert!(keep(&mut store, "a", &[], b"old"));
    let mut body_of_new = store.collect();
    assert!(store.grow(&mut body_of_new, b"new"));
    let depends = Head {
        arrived: 5,
        ..head(&[("accept", "x")])
    };
    store.put("a", depends, body_of_new);
    let asks = |value: &str| vec![("accept".to_owned(), value.as_bytes().to_vec())];
    // Used last, and yet older.
    assert_eq!(body(&store.find("a", &asks("y"), 9).unwrap()), b"old");
    assert_eq!(body(&store.find("a", &asks("x"), 9).unwrap()), b"new");
}

#[test]
fn the_least_recently_used_goes_first() {
    // Room for two.
    let mut small = Store::new(700, 500);
    assert!(keep(&mut small, "a", &[], b"1"));
    assert!(keep(&mut small, "b", &[], b"2"));
    assert!(found(&mut small, "a").is_some());
    assert!(keep(&mut small, "c", &[], b"3"));
    assert!(found(&mut small, "b").is_none());
    assert!(found(&mut small, "a").is_some());
    assert!(found(&mut small, "c").is_some());
}

#[test]
fn what_is_too_large_is_not_kept_and_drives_nothing_out() {
    let mut store = Store::new(10_000, 50);
    assert!(keep(&mut store, "a", &[], b"small"));
    assert!(!keep(&mut store, "b", &[], &[0; 51]));
    assert!(!store.could_take(51) && store.could_take(50));
    assert!(found(&mut store, "a").is_some());
}

#[test]
fn what_is_still_being_sent_counts() {
    let mut store = Store::new(1000, 900);
    assert!(keep(&mut store, "a", &[], b"12"));
    let sent = store.find("a", &Fields::new(), 0).unwrap();
    let before = store.held();
    store.forget("a");
    assert_eq!(store.held(), before);
    drop(sent);
    assert_eq!(store.held(), 0);
}

proptest! {
    /// Whatever happens, the store never takes more than its budget, gives everything back in the end,
    /// and what it finds is what was kept last.
    #[test]
    fn the_budget_holds(steps in proptest::collection::vec((0_u8..4, 0_u8..5, 0_usize..200), 0..60), budget in 0_u64..4000) {
        let mut store = Store::new(budget, 150);
        let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut sending = Vec::new();
        for (step, (what, which, length)) in steps.into_iter().enumerate() {
            let uri = which.to_string();
            match what {
                0 | 1 => {
                    let bytes = vec![step as u8; length];
                    if keep(&mut store, &uri, &[], &bytes) {
                        model.insert(uri, bytes);
                    }
                }
                2 => {
                    if let Some(stored) = store.find(&uri, &Fields::new(), 0) {
                        prop_assert_eq!(Some(&body(&stored)), model.get(&uri));
                        sending.push(stored);
                    }
                }
                _ => {
                    store.forget(&uri);
                    sending.truncate(length % 4);
                }
            }
            prop_assert!(store.held() <= budget);
        }
        sending.clear();
        for uri in 0..5 {
            store.forget(&uri.to_string());
        }
        prop_assert_eq!(store.held(), 0);
    }
}
