//! What is served to whom, and what is passed on.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waybook_agents::TransferAnswer;
use waybook_daemon::CodeKeeper;
use waybook_place::io::FetchFailure;

use super::world::{CHUNK, End, FIVE, World, answer, bytes, position, release, request, soon};

#[tokio::test]
async fn places_in_between_pass_on_and_keep_nothing() {
    let code = bytes(FIVE);
    let world = World::new();
    let _source = world.holder("r/b/y", &code);
    let between = ["r/b", "r", "r/a"].map(|place| world.place(place));
    let mut place = world.place("r/a/x");
    assert_eq!(place.fetch(&release(&code), "r/b/y").await, Ok(()));
    place.assert_whole(&code).await;
    for place in between {
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
}

#[tokio::test]
async fn what_a_source_does_wrong_comes_through_as_what_it_is() {
    let code = bytes(FIVE);
    let world = World::new();
    let _between = world.place("r");
    let of = code.clone();
    world.source("r/b", &code, move |turn, mut sent| {
        let third = position(&sent, &of, 2);
        match turn {
            0 => {
                sent[third] ^= 1;
                (sent, End::Shut)
            }
            1 => {
                sent.truncate(sent.len() - 1);
                (sent, End::Shut)
            }
            _ => {
                sent.truncate(sent.len() - 1);
                (sent, End::Break)
            }
        }
    });
    for wanted in ["chunk 3 of 5", "too short", "Cut"] {
        let mut place = world.place("r/a");
        place.repository.evict(release(&code).digest);
        let failure = place.fetch(&release(&code), "r/b").await.unwrap_err();
        assert!(format!("{failure:?}").contains(wanted), "{failure:?}");
    }
}

#[tokio::test]
async fn a_relay_lets_nothing_endless_through() {
    let code = bytes(FIVE);
    let world = World::new();
    let _between = world.place("r");
    world.source("r/b", &code, |_, mut sent| {
        sent.extend(vec![0; 4 << 20]);
        (sent, End::Shut)
    });
    let mut stream = world.ask("r", "r/a", &request(&code, "r/b", 0)).await;
    assert_eq!(answer(&mut stream).await, TransferAnswer::Follows);
    let mut all = Vec::new();
    let read = soon("an end", stream.read_to_end(&mut all)).await;
    assert!(read.is_err(), "it is broken off");
    assert!(all.len() < 1 << 20, "{}", all.len());
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let code = bytes(FIVE);
    let world = World::new();
    let _holder = world.holder("r/a", &code);
    let good = request(&code, "r/a", 0);
    let mut cases = Vec::new();
    for from in [1, 1024, FIVE as u64, u64::MAX] {
        let mut bad = good.clone();
        bad.from = from;
        cases.push((bad, "beginning of a chunk"));
    }
    let mut bad = good.clone();
    bad.length += 1;
    cases.push((bad, "another length"));
    let mut bad = good.clone();
    bad.root[3] ^= 1;
    cases.push((bad, "another length or root"));
    for back in ["r/a/x", "r/a/x/y"] {
        let mut bad = good.clone();
        bad.source = super::world::name(back);
        cases.push((bad, "where the request came from"));
    }
    for (bad, wanted) in cases {
        let mut stream = world.ask("r/a", "r/a/x", &bad).await;
        match answer(&mut stream).await {
            TransferAnswer::Refused(why) => assert!(why.contains(wanted), "{why}"),
            other => panic!("{bad:?}: {other:?}"),
        }
    }
    let other = bytes(9);
    let mut stream = world.ask("r/a", "r/a/x", &request(&other, "r/a", 0)).await;
    assert_eq!(answer(&mut stream).await, TransferAnswer::NotHeld);
    let mut stream = world.ask("r/a", "r/a/x", &request(&code, "r", 0)).await;
    assert_eq!(answer(&mut stream).await, TransferAnswer::Unreachable);
}

#[tokio::test]
async fn no_more_is_served_at_one_time_than_is_allowed() {
    // Long enough that a transfer waits for its reader.
    let code = bytes(500_000);
    let world = World::new();
    super::world::put_whole(&world.folder("r"), &code);
    let _holder = world.place_with("r", |config| {
        config.serve = 3;
        config.serve_per_neighbour = 2;
    });
    let ask = async |from: &str| {
        let mut stream = world.ask("r", from, &request(&code, "r", 0)).await;
        let answered = answer(&mut stream).await;
        (stream, answered)
    };
    let (first, answered) = ask("r/a").await;
    assert_eq!(answered, TransferAnswer::Follows);
    let (_second, answered) = ask("r/a").await;
    assert_eq!(answered, TransferAnswer::Follows);
    assert_eq!(ask("r/a").await.1, TransferAnswer::Busy);
    let (_third, answered) = ask("r/b").await;
    assert_eq!(answered, TransferAnswer::Follows);
    assert_eq!(ask("r/c").await.1, TransferAnswer::Busy);
    // One that goes makes room. Nothing tells when that is done, so it is asked for.
    drop(first);
    let room = async {
        while ask("r/c").await.1 == TransferAnswer::Busy {
            tokio::task::yield_now().await;
        }
    };
    soon("room", room).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_let_go() {
    let code = bytes(500_000);
    let world = World::new();
    let _holder = world.holder("r", &code);
    let mut stream = world.ask("r", "r/a", &request(&code, "r", 0)).await;
    assert_eq!(answer(&mut stream).await, TransferAnswer::Follows);
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let mut rest = Vec::new();
    assert!(stream.read_to_end(&mut rest).await.is_err());
    assert!(rest.len() < code.len());
}

/// The answer itself was written without a limit: a neighbour that granted its streams no
/// room kept them, and with them what may be served to all, for as long as it liked.
#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_take_the_answer_is_let_go() {
    let code = bytes(FIVE);
    let world = World::new();
    let holder = world.holder("r", &code);
    // One is served, one is refused.
    for source in ["r", "r/a/x"] {
        let (mut near, far) = tokio::io::duplex(1);
        let repository = holder.repository.clone();
        let serving = tokio::spawn(async move {
            let from = super::world::name("r/a");
            repository.serve(from, Box::new(far)).await;
        });
        let asked = waybook_agents::wire::encode_transfer(&request(&code, source, 0));
        near.write_all(&asked).await.unwrap();
        let long = std::time::Duration::from_secs(120);
        let served = tokio::time::timeout(long, serving).await;
        served.expect("it is let go").unwrap();
        drop(near);
    }
}

#[tokio::test]
async fn what_is_evicted_while_it_is_read_is_read_to_its_end() {
    let code = bytes(500_000);
    let world = World::new();
    let holder = world.holder("r", &code);
    let mut stream = world.ask("r", "r/a", &request(&code, "r", 0)).await;
    assert_eq!(answer(&mut stream).await, TransferAnswer::Follows);
    let mut all = vec![0; 1000];
    stream.read_exact(&mut all).await.unwrap();
    holder.repository.evict(release(&code).digest);
    let gone = async {
        while !holder.files().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    soon("the eviction", gone).await;
    stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, world.recording(&code, 0).await);
    let mut place = world.place("r/a");
    assert_eq!(
        place.fetch(&release(&code), "r").await,
        Err(FetchFailure::NotHeld)
    );
}

#[tokio::test]
async fn what_the_disk_has_not_kept_is_neither_served_nor_run() {
    let code = bytes(FIVE);
    let digest = release(&code).digest;
    for served in [true, false] {
        let world = World::new();
        let mut rotten = code.clone();
        rotten[3 * CHUNK] ^= 4;
        super::world::put_whole(&world.folder("r"), &code);
        let file = world.folder("r").join(format!("{}.wasm", digest.hex()));
        std::fs::write(file, &rotten).unwrap();
        let holder = world.place("r");
        if served {
            let mut place = world.place("r/a");
            assert_eq!(
                place.fetch(&release(&code), "r").await,
                Err(FetchFailure::NotHeld)
            );
        } else {
            let damaged = holder.repository.read(&digest).await.unwrap_err();
            assert!(damaged.to_string().contains("damaged"), "{damaged}");
        }
        assert!(holder.files().is_empty(), "{:?}", holder.files());
        let gone = holder.repository.path(&digest).await.unwrap_err();
        assert!(gone.to_string().contains("not in"), "{gone}");
    }
}
