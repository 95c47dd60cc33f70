use proptest::prelude::*;
use waybook_location_tree::PlaceName;

use super::*;

const LIMIT: u64 = 100;

fn release(n: u8, length: u64) -> Arc<Release> {
    Arc::new(Release {
        name: format!("code{n}"),
        version: semver::Version::new(1, 0, 0),
        description: String::new(),
        runtime: "wasi:http/proxy@0.2.0".to_owned(),
        requires: Vec::new(),
        dependencies: BTreeMap::new(),
        digest: Digest([n; 32]),
        length,
        root: [0; 32],
        home: PlaceName::new("r").unwrap(),
        signature: None,
    })
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Reserve(u8),
    Add(u8),
    Complete(u8),
    GiveUp(u8, u64),
    Use(u8),
    Leave(u8),
    Pin(u8, bool),
    Remove(u8),
    Free(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let code = || 0..10u8;
    prop_oneof![
        4 => code().prop_map(Act::Reserve),
        1 => code().prop_map(Act::Add),
        3 => code().prop_map(Act::Complete),
        1 => (code(), 0..80u64).prop_map(|(n, bytes)| Act::GiveUp(n, bytes)),
        1 => code().prop_map(Act::Use),
        1 => code().prop_map(Act::Leave),
        1 => (code(), any::<bool>()).prop_map(|(n, pin)| Act::Pin(n, pin)),
        1 => code().prop_map(Act::Remove),
        1 => (0..60u64).prop_map(Act::Free),
    ]
}

/// What must not go; when the rest was last used, and how much room it takes.
fn look(all: &Repository) -> (Vec<Digest>, BTreeMap<Digest, (u64, u64)>) {
    let may_go = |(digest, entry): (&Digest, &Entry)| {
        let state = entry.state;
        let kept = matches!(state, State::Held { added, pinned } if added || pinned);
        !kept && state != State::Arriving && !all.uses.contains_key(digest)
    };
    let (idle, kept): (Vec<_>, Vec<_>) = all.entries.iter().partition(|e| may_go(*e));
    let used = idle.into_iter();
    let used = used.map(|(digest, e)| (*digest, (e.used, e.bytes)));
    (kept.into_iter().map(|(d, _)| *d).collect(), used.collect())
}

proptest! {
    /// The sum is right and within the limit, what must stay stays, what was not used for
    /// longest goes first, and no more goes than has to.
    #[test]
    fn room_is_made_in_order(acts in proptest::collection::vec(any_act(), 1..80)) {
        let mut all = Repository::default();
        let length = |n: u8| 11 * u64::from(n % 7) + 9;
        for act in acts {
            let (kept, used) = look(&all);
            let before = all.bytes;
            let mut wanted = None;
            let gone = match act {
                Act::Reserve(n) if !all.holds(&Digest([n; 32])) => {
                    wanted = Some(n);
                    all.reserve(&release(n, length(n)), LIMIT)
                }
                Act::Add(n) => {
                    wanted = Some(n);
                    all.add(&release(n, length(n)), LIMIT)
                }
                Act::Complete(n) => {
                    let digest = Digest([n; 32]);
                    let entry = all.entries.get(&digest);
                    if entry.is_some_and(|e| e.state == State::Arriving) {
                        all.complete(&digest);
                    }
                    Ok(Vec::new())
                }
                Act::GiveUp(n, bytes) => {
                    all.give_up(&Digest([n; 32]), bytes);
                    Ok(Vec::new())
                }
                Act::Use(n) => {
                    all.begin_use(Digest([n; 32]));
                    Ok(Vec::new())
                }
                Act::Leave(n) => {
                    all.end_use(&Digest([n; 32]));
                    Ok(Vec::new())
                }
                Act::Pin(n, pin) => {
                    all.pin(&Digest([n; 32]), pin);
                    Ok(Vec::new())
                }
                Act::Remove(n) => {
                    all.remove(&Digest([n; 32]));
                    Ok(Vec::new())
                }
                Act::Free(bytes) => Ok(all.free(bytes, &Digest([99; 32]))),
                Act::Reserve(_) => Ok(Vec::new()),
            };
            prop_assert_eq!(all.bytes, all.entries.values().map(|e| e.bytes).sum::<u64>());
            prop_assert!(all.bytes <= LIMIT);
            match gone {
                Err(why) => {
                    prop_assert!(why.contains("limit `repository` = 100 B"), "{}", why);
                    prop_assert_eq!((before, used), (all.bytes, look(&all).1));
                }
                Ok(gone) => {
                    let stays = |d: &Digest| all.entries.contains_key(d);
                    for Evicted { digest, .. } in &gone {
                        prop_assert!(!kept.contains(digest) && !stays(digest));
                        let own = wanted.map(|n| Digest([n; 32]));
                        let younger = |(d, at): (&Digest, &(u64, u64))| {
                            !stays(d) || Some(*d) == own || at.0 > used[digest].0
                        };
                        prop_assert!(used.iter().all(younger));
                    }
                    if let Some(last) = gone.last().filter(|_| wanted.is_some()) {
                        let with_it = all.bytes + used[&last.digest].1;
                        prop_assert!(with_it > LIMIT, "the last one could have stayed");
                    }
                }
            }
        }
    }
}
