//! What a source may do wrong, and what is made of it.

use tokio::io::AsyncWriteExt;
use waybook_agents::{TransferAnswer, wire};
use waybook_place::io::FetchFailure;

use super::world::{CHUNK, End, FIVE, World, bytes, position, release, soon};

fn lie(outcome: Result<(), FetchFailure>) -> String {
    match outcome {
        Err(FetchFailure::Lying(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_chunk_is_noticed_wherever_it_is_and_another_source_goes_on_from_there() {
    let code = bytes(FIVE);
    for wrong in 0..5 {
        let world = World::new();
        let of = code.clone();
        world.source("r/a/x", &code, move |_, mut sent| {
            let at = position(&sent, &of, wrong);
            sent[at + 777] ^= 1;
            (sent, End::Shut)
        });
        let honest = world.source("r", &code, |_, sent| (sent, End::Shut));
        let mut place = world.place("r/a");
        let what = lie(place.fetch(&release(&code), "r/a/x").await);
        assert!(
            what.contains(&format!("chunk {} of 5", wrong + 1)),
            "{what}"
        );
        match wrong {
            0 => assert!(place.files().is_empty()),
            _ => assert_eq!(place.files(), ["part", "release", "tree"]),
        }
        assert!(place.repository.read(&release(&code).digest).await.is_err());
        assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
        place.assert_whole(&code).await;
        assert_eq!(honest.lock().unwrap()[0].from, (wrong * CHUNK) as u64);
    }
}

#[tokio::test]
async fn wrong_hashes_are_noticed_before_the_chunks_below_them() {
    let code = bytes(FIVE);
    let honest = World::new().recording(&code, 0).await;
    // The pairs over all five chunks, over the first four, over the first two.
    for pair in 0..3 {
        let world = World::new();
        world.source("r", &code, move |_, mut sent| {
            sent[pair * 64 + 5] ^= 0x80;
            (sent, End::Shut)
        });
        let mut place = world.place("r/a");
        let what = lie(place.fetch(&release(&code), "r").await);
        assert!(what.contains("chunk 1 of 5"), "{what}");
    }
    assert_eq!(honest.len(), FIVE + 4 * 64);
}

#[tokio::test]
async fn too_few_bytes_and_too_many_are_lies() {
    let code = bytes(FIVE);
    let world = World::new();
    let of = code.clone();
    world.source("r", &code, move |turn, mut sent| {
        match turn {
            0 => sent.truncate(position(&sent, &of, 2)),
            _ => sent.extend([0; 100_000]),
        }
        (sent, End::Shut)
    });
    let mut place = world.place("r/a");
    let what = lie(place.fetch(&release(&code), "r").await);
    assert!(what.contains("too short"), "{what}");
    assert!(what.contains("32768 of 66770 bytes"), "{what}");
    let what = lie(place.fetch(&release(&code), "r").await);
    assert!(what.contains("goes on"), "{what}");
    assert!(place.repository.read(&release(&code).digest).await.is_err());
    // All of it has been verified, and no source is needed any more.
    world.cut("r");
    assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
    place.assert_whole(&code).await;
}

#[tokio::test]
async fn a_release_whose_root_and_digest_disagree_is_a_lie_and_leaves_nothing() {
    let code = bytes(FIVE);
    let world = World::new();
    world.source("r", &code, |_, sent| (sent, End::Shut));
    let mut wrong = release(&code);
    wrong.digest = release(&bytes(7)).digest;
    let mut place = world.place("r/a");
    let what = lie(place.fetch(&wrong, "r").await);
    assert!(what.contains(&release(&code).digest.to_string()), "{what}");
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_silent_is_too_slow_wherever_it_does() {
    let code = bytes(FIVE);
    for silent in 0..5 {
        let world = World::new();
        let of = code.clone();
        world.source("r", &code, move |_, mut sent| {
            sent.truncate(position(&sent, &of, silent) + 9);
            (sent, End::Hang)
        });
        let mut place = world.place("r/a");
        assert_eq!(
            place.fetch(&release(&code), "r").await,
            Err(FetchFailure::Slow)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_drips_is_too_slow() {
    let code = bytes(400_000);
    let world = World::new();
    let sent = world.recording(&code, 0).await;
    world.serve("r", move |_, mut stream| {
        let sent = sent.clone();
        async move {
            super::world::frame(&mut stream).await;
            let answer = wire::encode_transfer(&TransferAnswer::Follows);
            stream.write_all(&answer).await.unwrap();
            // Half of the 64 kbit/s that are asked of it.
            for piece in sent.chunks(4000) {
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    });
    let mut place = world.place("r/a");
    assert_eq!(
        place.fetch(&release(&code), "r").await,
        Err(FetchFailure::Slow)
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_is_too_slow() {
    let code = bytes(FIVE);
    let world = World::new();
    world.serve("r", |_, stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    });
    let mut place = world.place("r/a");
    assert_eq!(
        place.fetch(&release(&code), "r").await,
        Err(FetchFailure::Slow)
    );
}

#[tokio::test]
async fn answers_other_than_the_bytes_are_understood() {
    let code = bytes(FIVE);
    let follows = wire::encode_transfer(&TransferAnswer::Follows);
    let cases: [(Vec<u8>, Option<FetchFailure>); 6] = [
        (
            wire::encode_transfer(&TransferAnswer::NotHeld),
            Some(FetchFailure::NotHeld),
        ),
        (
            wire::encode_transfer(&TransferAnswer::Busy),
            Some(FetchFailure::Cut),
        ),
        (
            wire::encode_transfer(&TransferAnswer::Unreachable),
            Some(FetchFailure::Cut),
        ),
        (
            wire::encode_transfer(&TransferAnswer::Refused("because".to_owned())),
            None,
        ),
        (vec![0xff; 100], None),
        (
            follows[..follows.len() - 1].to_vec(),
            Some(FetchFailure::Cut),
        ),
    ];
    for (said, wanted) in cases {
        let world = World::new();
        let answer = said.clone();
        world.serve("r", move |_, mut stream| {
            let answer = answer.clone();
            async move {
                super::world::frame(&mut stream).await;
                stream.write_all(&answer).await.unwrap();
                stream.shutdown().await.unwrap();
                // Until the other end has gone.
                let mut rest = Vec::new();
                let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
                let _ = soon("an end", read).await;
            }
        });
        let mut place = world.place("r/a");
        let outcome = place.fetch(&release(&code), "r").await;
        match wanted {
            Some(wanted) => assert_eq!(outcome, Err(wanted)),
            None => drop(lie(outcome)),
        }
    }
}

#[tokio::test]
async fn what_is_longer_than_allowed_is_not_asked_for() {
    let mut long = release(&bytes(FIVE));
    for length in [0, (1 << 20) + 1, u64::MAX] {
        let world = World::new();
        long.length = length;
        let mut place = world.place("r/a");
        match place.fetch(&long, "r").await {
            Err(FetchFailure::Disk(what)) => {
                assert!(what.contains("greatest-component"), "{what}");
            }
            other => panic!("{other:?}"),
        }
        assert!(place.files().is_empty());
    }
}
