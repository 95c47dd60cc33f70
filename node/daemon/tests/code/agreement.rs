//! What the place believes to be here is what is here, whatever crosses on the way.

use waybook_daemon::CodeKeeper;
use waybook_place::io::{FetchFailure, FetchId, Input};
use waybook_plan::Release;

use super::world::{Asked, CHUNK, End, FIVE, Place, World, bytes, position, release};

/// A source that breaks off after some chunks, the first time.
fn breaks_after(world: &World, code: &[u8], chunks: usize, end: End) -> Asked {
    let of = code.to_vec();
    world.source("r", code, move |turn, mut sent| {
        if turn == 0 {
            sent.truncate(position(&sent, &of, chunks));
            return (sent, end);
        }
        (sent, End::Shut)
    })
}

/// From where the second transfer went on.
fn went_on_at(asked: &Asked) -> u64 {
    asked.lock().unwrap()[1].from
}

/// Chunks that came just before a transfer broke were not told of: the place counted less
/// than there was.
#[tokio::test]
async fn what_is_said_last_of_a_failed_transfer_is_what_has_come() {
    let code = bytes(FIVE);
    for chunks in 0..5 {
        let world = World::new();
        let asked = breaks_after(&world, &code, chunks, End::Break);
        let mut place = world.place("r/a");
        let fetch = place.begin(&release(&code), "r");
        let (outcome, news) = place.outcome(fetch).await;
        assert_eq!(outcome, Err(FetchFailure::Cut));
        let said = news.last().copied().unwrap_or(0);
        assert_eq!(said, (chunks * CHUNK) as u64);
        assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
        assert_eq!(went_on_at(&asked), said);
    }
}

/// The place was left to believe in bytes that had been thrown away.
#[tokio::test]
async fn what_is_thrown_away_is_said_to_be_gone() {
    let code = bytes(FIVE);
    let world = World::new();
    world.source("r", &code, |_, sent| (sent, End::Shut));
    let wrong = Release {
        digest: release(b"other").digest,
        ..release(&code)
    };
    let mut place = world.place("r/a");
    let fetch = place.begin(&wrong, "r");
    let (outcome, news) = place.outcome(fetch).await;
    assert!(
        matches!(outcome, Err(FetchFailure::Lying(_))),
        "{outcome:?}"
    );
    assert_eq!(news.last(), Some(&0));
    assert!(place.files().is_empty(), "{:?}", place.files());
}

/// Begins a transfer, of which three chunks come, and no more.
async fn with_three_chunks(world: &World, code: &[u8]) -> (Asked, Place, FetchId) {
    let asked = breaks_after(world, code, 3, End::Hang);
    let mut place = world.place("r/a");
    let fetch = place.begin(&release(code), "r");
    place.come(fetch, 3 * CHUNK).await;
    (asked, place, fetch)
}

/// The place gave a transfer up before it heard of the latest chunks, which stayed: no
/// limit counted them.
#[tokio::test]
async fn what_the_place_had_not_heard_of_goes_with_the_transfer() {
    let code = bytes(FIVE);
    for keep in 0..4 {
        let keep = (keep * CHUNK) as u64;
        let world = World::new();
        let (asked, mut place, fetch) = with_three_chunks(&world, &code).await;
        place.repository.cancel_fetch(fetch, keep);
        assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
        assert_eq!(went_on_at(&asked), keep);
        place.assert_whole(&code).await;
    }
}

/// Code whose transfer was given up while the news of its end was on the way stayed whole,
/// and no place knew of it.
#[tokio::test]
async fn a_transfer_may_be_given_up_just_as_it_ends() {
    let code = bytes(FIVE);
    for keep in [0, 2 * CHUNK as u64, 4 * CHUNK as u64] {
        let world = World::new();
        let asked = world.source("r", &code, |_, sent| (sent, End::Shut));
        let mut place = world.place("r/a");
        let fetch = place.begin(&release(&code), "r");
        assert_eq!(place.outcome(fetch).await.0, Ok(()));
        place.repository.cancel_fetch(fetch, keep);
        let again = place.begin(&release(&code), "r");
        let (outcome, news) = place.outcome(again).await;
        assert_eq!(outcome, Ok(()));
        assert!(keep == 0 || news[0] == keep, "{news:?}");
        assert_eq!(went_on_at(&asked), keep);
        place.assert_whole(&code).await;
        // Nor does it come back with the next life.
        place.repository.cancel_fetch(again, keep);
        place.repository.stop().await;
        let place = world.place("r/a");
        assert!(place.repository.read(&release(&code).digest).await.is_err());
        let wanted: &[&str] = if keep > 0 {
            &["part", "release", "tree"]
        } else {
            &[]
        };
        assert_eq!(place.files(), wanted);
    }
}

/// What an operator added meanwhile is whole, and stays.
#[tokio::test]
async fn code_that_the_place_reckons_with_stays_whole() {
    let code = bytes(FIVE);
    let world = World::new();
    let mut place = world.holder("r/a", &code);
    let fetch = place.begin(&release(&code), "r");
    assert_eq!(place.outcome(fetch).await.0, Ok(()));
    place.repository.cancel_fetch(fetch, code.len() as u64);
    place.repository.stop().await;
    place.assert_whole(&code).await;
}

/// A failed transfer's last chunks may cross with its being given up as well.
#[tokio::test]
async fn a_transfer_may_be_given_up_just_as_it_fails() {
    let code = bytes(FIVE);
    let world = World::new();
    let asked = breaks_after(&world, &code, 3, End::Break);
    let mut place = world.place("r/a");
    let fetch = place.begin(&release(&code), "r");
    assert_eq!(place.outcome(fetch).await.0, Err(FetchFailure::Cut));
    place.repository.cancel_fetch(fetch, CHUNK as u64);
    assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
    assert_eq!(went_on_at(&asked), CHUNK as u64);
    place.assert_whole(&code).await;
}

/// The place went on offering code that the disk had lost, and starting it.
#[tokio::test]
async fn the_place_is_told_of_code_that_the_disk_has_lost() {
    let code = bytes(FIVE);
    let digest = release(&code).digest;
    for loss in ["rotten", "short", "gone"] {
        for served in [true, false] {
            let world = World::new();
            let mut holder = world.holder("r", &code);
            let file = world.folder("r").join(format!("{}.wasm", digest.hex()));
            let mut rotten = code.clone();
            rotten[3 * CHUNK] ^= 4;
            match loss {
                "rotten" => std::fs::write(file, &rotten).unwrap(),
                "short" => std::fs::write(file, &code[1..]).unwrap(),
                _ => std::fs::remove_file(file).unwrap(),
            }
            if served {
                let mut place = world.place("r/a");
                let fetched = place.fetch(&release(&code), "r").await;
                assert_eq!(fetched, Err(FetchFailure::NotHeld), "{loss}");
            } else {
                holder.repository.path(&digest).await.unwrap_err();
            }
            assert_eq!(holder.report().await, Input::CodeLost { digest });
            assert!(holder.files().is_empty(), "{:?}", holder.files());
            // It is lost once.
            holder.repository.path(&digest).await.unwrap_err();
            assert!(holder.reports.try_recv().is_err());
        }
    }
}

/// Even when it had been in order: a file that went away while the daemon ran was looked
/// for again and again.
#[tokio::test]
async fn code_may_be_lost_after_it_was_used() {
    let code = bytes(FIVE);
    let digest = release(&code).digest;
    let world = World::new();
    let mut holder = world.holder("r", &code);
    holder.repository.path(&digest).await.unwrap();
    std::fs::remove_file(world.folder("r").join(format!("{}.wasm", digest.hex()))).unwrap();
    holder.repository.path(&digest).await.unwrap_err();
    assert_eq!(holder.report().await, Input::CodeLost { digest });
}
