//! Whatever arrives on a transfer's stream, nothing wrong is admitted and nothing panics.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waybook_agents::{TransferAnswer, wire};

use super::world::{End, FIVE, World, bytes, frame, release, request, soon};

/// What is done to what an honest source sends.
#[derive(Debug, Clone)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Swap(usize, usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0..FIVE + 256;
    prop_oneof![
        (at.clone(), 1_u8..).prop_map(|(at, with)| Harm::Flip(at, with)),
        at.clone().prop_map(Harm::Cut),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(at, with)| Harm::Insert(at, with)),
        (at.clone(), 1_usize..20_000).prop_map(|(at, n)| Harm::Remove(at, n)),
        (at.clone(), at, 1_usize..20_000).prop_map(|(a, b, n)| Harm::Swap(a, b, n)),
    ]
}

fn inflict(sent: &mut Vec<u8>, harm: &Harm) {
    let clamp = |at: usize| at.min(sent.len() - 1);
    match harm {
        Harm::Flip(at, with) => {
            let at = clamp(*at);
            sent[at] ^= with;
        }
        Harm::Cut(at) => sent.truncate(*at),
        Harm::Insert(at, with) => {
            let at = clamp(*at);
            sent.splice(at..at, with.iter().copied());
        }
        Harm::Remove(at, n) => {
            let at = clamp(*at);
            let end = (at + n).min(sent.len());
            sent.drain(at..end);
        }
        Harm::Swap(a, b, n) => {
            for i in 0..*n {
                let (a, b) = (a + i, b + i);
                if a < sent.len() && b < sent.len() {
                    sent.swap(a, b);
                }
            }
        }
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn harmed_transfers_admit_nothing_wrong(harm in harm(), broken in any::<bool>()) {
        run(async move {
            let code = bytes(FIVE);
            let world = World::new();
            let end = if broken { End::Break } else { End::Shut };
            world.source("r/a/x", &code, move |_, mut sent| {
                inflict(&mut sent, &harm);
                (sent, end)
            });
            let mut place = world.place("r/a");
            if place.fetch(&release(&code), "r/a/x").await.is_ok() {
                // Only what does no harm, such as swapping a piece with itself.
                place.assert_whole(&code).await;
                return;
            }
            assert!(place.repository.read(&release(&code).digest).await.is_err());
            // And what was kept is right.
            let _honest = world.holder("r", &code);
            assert_eq!(place.fetch(&release(&code), "r").await, Ok(()));
            place.assert_whole(&code).await;
        });
    }

    #[test]
    fn a_source_may_say_anything(
        said in prop::collection::vec(any::<u8>(), 0..2000), follows in any::<bool>(),
    ) {
        run(async move {
            let code = bytes(FIVE);
            let world = World::new();
            world.serve("r", move |_, mut stream| {
                let mut said = said.clone();
                async move {
                    frame(&mut stream).await;
                    if follows {
                        let mut answer = wire::encode_transfer(&TransferAnswer::Follows);
                        answer.append(&mut said);
                        said = answer;
                    }
                    let _ = stream.write_all(&said).await;
                    let _ = stream.shutdown().await;
                }
            });
            let mut place = world.place("r/a");
            assert!(place.fetch(&release(&code), "r").await.is_err());
            assert!(place.repository.read(&release(&code).digest).await.is_err());
        });
    }

    #[test]
    fn a_neighbour_may_ask_anything(said in prop::collection::vec(any::<u8>(), 0..300)) {
        run(async move {
            let code = bytes(FIVE);
            let world = World::new();
            let holder = world.holder("r", &code);
            let (mut near, far) = super::world::pipe();
            let served = holder.repository.serve(super::world::name("r/a"), Box::new(far));
            let asking = async move {
                let _ = near.write_all(&said).await;
                let _ = near.shutdown().await;
                let mut rest = Vec::new();
                let _ = near.read_to_end(&mut rest).await;
            };
            soon("an end", async { tokio::join!(served, asking) }).await;
            holder.assert_whole(&code).await;
            // It still serves.
            let mut stream = world.ask("r", "r/a", &request(&code, "r", 0)).await;
            assert_eq!(super::world::answer(&mut stream).await, TransferAnswer::Follows);
        });
    }
}
