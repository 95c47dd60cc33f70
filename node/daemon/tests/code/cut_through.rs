//! Chunks are passed on as they come.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use waybook_agents::{TransferAnswer, wire};
use waybook_place::io::{FetchFailure, FetchId};

use super::world::{CHUNK, FIVE, Place, World, bytes, frame, position, release};

/// What a gated source does when its gate opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Finish,
    Break,
}

/// A source that sends two chunks, and more only when it is told.
async fn gated(world: &World, code: &[u8]) -> oneshot::Sender<Then> {
    let sent = world.recording(code, 0).await;
    let half = position(&sent, code, 2);
    let (open, gate) = oneshot::channel();
    let gate = Arc::new(Mutex::new(Some(gate)));
    world.serve("r", move |_, mut stream| {
        let (sent, gate) = (sent.clone(), gate.clone());
        async move {
            frame(&mut stream).await;
            let answer = wire::encode_transfer(&TransferAnswer::Follows);
            stream.write_all(&answer).await.unwrap();
            stream.write_all(&sent[..half]).await.unwrap();
            let gate = gate.lock().unwrap().take().expect("one transfer is enough");
            if gate.await == Ok(Then::Finish) {
                stream.write_all(&sent[half..]).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    open
}

/// A place that has two chunks of such a source, and its transfer.
async fn half_way(world: &World, code: &[u8]) -> (oneshot::Sender<Then>, Place, FetchId) {
    let open = gated(world, code).await;
    let mut middle = world.place("r/a");
    let first = middle.begin(&release(code), "r");
    middle.come(first, 2 * CHUNK).await;
    (open, middle, first)
}

#[tokio::test]
async fn many_readers_get_chunks_before_the_source_is_complete() {
    let code = bytes(FIVE);
    let world = World::new();
    let (open, mut middle, first) = half_way(&world, &code).await;
    let mut readers = Vec::new();
    for reader in 0..8 {
        let mut place = world.place(&format!("r/a/x{reader}"));
        let fetch = place.begin(&release(&code), "r/a");
        readers.push((place, fetch));
    }
    // All of them have two chunks while the source holds the rest back.
    for (place, fetch) in &mut readers {
        place.come(*fetch, 2 * CHUNK).await;
    }
    open.send(Then::Finish).unwrap_or_else(|_| panic!());
    assert_eq!(middle.outcome(first).await.0, Ok(()));
    for (mut place, fetch) in readers {
        assert_eq!(place.outcome(fetch).await.0, Ok(()));
        place.assert_whole(&code).await;
    }
}

#[tokio::test]
async fn readers_see_a_break_as_a_break_and_keep_what_they_have() {
    let code = bytes(FIVE);
    let world = World::new();
    let (open, mut middle, first) = half_way(&world, &code).await;
    let mut reader = world.place("r/a/x");
    let second = reader.begin(&release(&code), "r/a");
    reader.come(second, 2 * CHUNK).await;
    open.send(Then::Break).unwrap_or_else(|_| panic!());
    assert_eq!(middle.outcome(first).await.0, Err(FetchFailure::Cut));
    // Not a lie: the middle place has done nothing wrong.
    assert_eq!(reader.outcome(second).await.0, Err(FetchFailure::Cut));
    // Now nothing comes to the middle place, and it says so.
    assert_eq!(
        reader.fetch(&release(&code), "r/a").await,
        Err(FetchFailure::NotHeld)
    );
    let _source = world.holder("r", &code);
    let third = reader.begin(&release(&code), "r");
    let (outcome, news) = reader.outcome(third).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(news[0], 2 * CHUNK as u64);
    reader.assert_whole(&code).await;
}

#[tokio::test]
async fn a_reader_may_be_ahead_of_what_comes() {
    // The reader has more than the place that it reads from: it waits for what it lacks.
    let code = bytes(FIVE);
    let world = World::new();
    let (open, _middle, _) = half_way(&world, &code).await;
    let mut stream = world
        .ask(
            "r/a",
            "r/a/x",
            &super::world::request(&code, "r/a", 4 * CHUNK as u64),
        )
        .await;
    assert_eq!(
        super::world::answer(&mut stream).await,
        TransferAnswer::Follows
    );
    open.send(Then::Finish).unwrap_or_else(|_| panic!());
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)
        .await
        .unwrap();
    assert_eq!(rest, world.recording(&code, 4 * CHUNK as u64).await);
    assert!(rest.ends_with(&code[4 * CHUNK..]));
}
