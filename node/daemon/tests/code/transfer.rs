//! A transfer comes whole, and goes on where it stopped.

use std::os::unix::fs::PermissionsExt;

use waybook_daemon::CodeKeeper;
use waybook_place::io::{FetchFailure, Input};

use super::world::{CHUNK, End, FIVE, World, bytes, name, position, release};

#[tokio::test]
async fn code_of_any_length_comes_whole_and_is_found_again() {
    for length in [
        1,
        1024,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        FIVE,
        700_000,
    ] {
        let code = bytes(length);
        let world = World::new();
        let _source = world.holder("r", &code);
        let mut place = world.place("r/a");
        let fetch = place.begin(&release(&code), "r");
        let (outcome, news) = place.outcome(fetch).await;
        assert_eq!(outcome, Ok(()));
        // Something was said, and what was said last is all.
        assert_eq!(news.last(), Some(&(length as u64)));
        assert!(news.is_sorted());
        place.assert_whole(&code).await;
        for entry in std::fs::read_dir(&place.folder).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        place.repository.stop().await;
        let again = world.place("r/a");
        again.assert_whole(&code).await;
    }
}

/// Cuts a transfer after every number of whole chunks, and lets another one go on.
async fn resume_after(restart: bool) {
    let code = bytes(FIVE);
    for cut in 0..5 {
        let world = World::new();
        let of = code.clone();
        let asked = world.source("r", &code, move |turn, mut sent| {
            if turn == 0 {
                // In the middle of a chunk: what has come of it does not count.
                sent.truncate(position(&sent, &of, cut) + 100);
                return (sent, End::Break);
            }
            (sent, End::Shut)
        });
        let mut place = world.place("r/a");
        assert_eq!(
            place.fetch(&release(&code), "r").await,
            Err(FetchFailure::Cut)
        );
        if restart {
            place.repository.stop().await;
            place = world.place("r/a");
        }
        let fetch = place.begin(&release(&code), "r");
        let (outcome, news) = place.outcome(fetch).await;
        assert_eq!(outcome, Ok(()));
        if cut > 0 {
            // What was there is told at once, because others can read it.
            assert_eq!(news[0], (cut * CHUNK) as u64);
        }
        place.assert_whole(&code).await;
        let asked: Vec<_> = asked.lock().unwrap().iter().map(|r| r.from).collect();
        assert_eq!(asked, [0, (cut * CHUNK) as u64]);
    }
}

#[tokio::test]
async fn a_transfer_goes_on_at_the_first_missing_chunk() {
    resume_after(false).await;
}

#[tokio::test]
async fn a_transfer_goes_on_at_the_first_missing_chunk_after_a_restart() {
    resume_after(true).await;
}

#[tokio::test]
async fn what_is_here_is_not_asked_for_again() {
    let code = bytes(FIVE);
    let world = World::new();
    let mut place = world.holder("r/a", &code);
    // There is nobody to ask.
    assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
}

#[tokio::test]
async fn a_transfer_that_was_given_up_says_nothing_more_and_keeps_what_is_verified() {
    let code = bytes(FIVE);
    let world = World::new();
    let of = code.clone();
    let asked = world.source("r", &code, move |turn, mut sent| {
        if turn == 0 {
            sent.truncate(position(&sent, &of, 3));
            return (sent, End::Hang);
        }
        (sent, End::Shut)
    });
    let mut place = world.place("r/a");
    let first = place.begin(&release(&code), "r");
    place.come(first, 3 * CHUNK).await;
    place.repository.cancel_fetch(first, 3 * CHUNK as u64);
    // The place may ask again at once.
    let second = place.begin(&release(&code), "r");
    loop {
        match place.report().await {
            // Said before the first one was given up.
            Input::FetchProgress { .. } => {}
            Input::Fetched { fetch } => break assert_eq!(fetch, second),
            other => panic!("{other:?}"),
        }
    }
    place.assert_whole(&code).await;
    assert_eq!(asked.lock().unwrap()[1].from, 3 * CHUNK as u64);
}

#[tokio::test]
async fn two_transfers_of_the_same_code_share_one() {
    let code = bytes(FIVE);
    let world = World::new();
    let asked = world.source("r", &code, |_, sent| (sent, End::Shut));
    let mut place = world.place("r/a");
    let fetches = [
        place.begin(&release(&code), "r"),
        place.begin(&release(&code), "r"),
    ];
    let mut done = Vec::new();
    while done.len() < 2 {
        if let Input::Fetched { fetch } = place.report().await {
            done.push(fetch);
        }
    }
    assert_eq!(done, fetches);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_eviction_takes_parts_and_wholes_in_its_turn() {
    let code = bytes(FIVE);
    let world = World::new();
    let of = code.clone();
    let asked = world.source("r", &code, move |turn, mut sent| {
        if turn == 0 {
            sent.truncate(position(&sent, &of, 3));
            return (sent, End::Break);
        }
        (sent, End::Shut)
    });
    let mut place = world.place("r/a");
    let wanted = release(&code);
    assert_eq!(place.fetch(&wanted, "r").await, Err(FetchFailure::Cut));
    assert_eq!(place.files(), ["part", "release", "tree"]);
    // Order counts: what is fetched after an eviction is not evicted by it.
    place.repository.evict(wanted.digest);
    assert_eq!(place.fetch(&wanted, "r").await, Ok(()));
    assert_eq!(asked.lock().unwrap()[1].from, 0);
    place.repository.evict(wanted.digest);
    world.cut("r");
    assert_eq!(place.fetch(&wanted, "r").await, Err(FetchFailure::Cut));
    let gone = place.repository.path(&wanted.digest).await.unwrap_err();
    assert!(gone.to_string().contains("not in the repository"), "{gone}");
}

/// Eight kilobytes a second are no more than that.
#[tokio::test(start_paused = true)]
async fn transfers_are_held_to_the_configured_rate() {
    let code = bytes(400_000);
    let world = World::new();
    let _source = world.holder("r", &code);
    let mut place = world.place_with("r/a", |config| config.rate = Some(64_000));
    let begun = tokio::time::Instant::now();
    assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
    // In the clock that the test itself turns: half a second's worth comes at once.
    let seconds = begun.elapsed().as_secs_f64();
    assert!((44.0..51.0).contains(&seconds), "{seconds}");
    place.assert_whole(&code).await;
}

#[tokio::test]
async fn the_way_to_a_source_may_be_cut() {
    let code = bytes(FIVE);
    let world = World::new();
    let mut place = world.place("r/a");
    assert_eq!(
        place.fetch(&release(&code), "r").await,
        Err(FetchFailure::Cut)
    );
    let _middle = world.place("r");
    // Beyond the middle, and at the middle itself.
    assert_eq!(
        place.fetch(&release(&code), "r/b").await,
        Err(FetchFailure::Cut)
    );
    assert_eq!(
        place.fetch(&release(&code), "r").await,
        Err(FetchFailure::NotHeld)
    );
    let here = place.name.to_string();
    assert_eq!(
        place.fetch(&release(&code), &here).await,
        Err(FetchFailure::NotHeld)
    );
    assert_eq!(place.name, name("r/a"));
}
