//! Code that an operator adds.

use std::sync::Arc;

use http_body_util::BodyExt;
use waybook_daemon::code::{Staged, UploadError};
use waybook_daemon::{Command, OrderResult, full_body};
use waybook_place::io::CodeOrder;

use super::world::{FIVE, Place, World, bytes, release, soon};

async fn stage(place: &Place, code: &[u8]) -> Staged {
    let mut upload = place.repository.upload().await.unwrap();
    for piece in code.chunks(10_001) {
        upload.write(piece).await.unwrap();
    }
    upload.finish().await.unwrap()
}

/// Adds staged code; the place's answer is the test's.
async fn add(
    place: &mut Place,
    staged: Staged,
    code: &[u8],
    answer: OrderResult,
) -> Result<(), UploadError> {
    let wanted = Arc::new(release(code));
    let repository = place.repository.clone();
    let adding = repository.add(staged, wanted.clone());
    let answering = async {
        match soon("an order", place.reports.recv()).await {
            Some(Command::Code(CodeOrder::Add(release), sender)) => {
                assert_eq!(release, wanted);
                // The place may start it at once: it is there already.
                assert!(place.repository.read(&release.digest).await.is_ok());
                sender.send(answer).unwrap();
            }
            _ => panic!("something else than an order"),
        }
    };
    let (added, ()) = tokio::join!(adding, answering);
    added.map(drop)
}

#[tokio::test]
async fn what_is_added_is_measured_kept_and_served() {
    let code = bytes(700_000);
    let world = World::new();
    let mut place = world.place("r");
    let staged = stage(&place, &code).await;
    let wanted = release(&code);
    assert_eq!(
        (staged.digest, staged.root, staged.length),
        (wanted.digest, wanted.root, wanted.length)
    );
    add(&mut place, staged, &code, Ok(Vec::new()))
        .await
        .unwrap();
    place.assert_whole(&code).await;
    let mut other = world.place("r/a");
    assert_eq!(other.fetch(&wanted, "r").await, Ok(()));
    other.assert_whole(&code).await;
    world.place("r").assert_whole(&code).await;
}

#[tokio::test]
async fn what_the_place_refuses_is_removed_unless_it_was_there_before() {
    let code = bytes(FIVE);
    let world = World::new();
    let mut place = world.place("r");
    let no = || Err("no signature".to_owned());
    let staged = stage(&place, &code).await;
    let refused = add(&mut place, staged, &code, no()).await.unwrap_err();
    assert_eq!(refused.to_string(), "no signature");
    assert!(place.files().is_empty(), "{:?}", place.files());
    let staged = stage(&place, &code).await;
    add(&mut place, staged, &code, Ok(Vec::new()))
        .await
        .unwrap();
    let staged = stage(&place, &code).await;
    add(&mut place, staged, &code, no()).await.unwrap_err();
    place.assert_whole(&code).await;
}

#[tokio::test]
async fn an_older_eviction_does_not_take_what_is_being_added() {
    use waybook_daemon::CodeKeeper;
    let code = bytes(FIVE);
    let world = World::new();
    let mut place = world.holder("r", &code);
    let staged = stage(&place, &code).await;
    let wanted = Arc::new(release(&code));
    let repository = place.repository.clone();
    let adding = repository.add(staged, wanted.clone());
    let answering = async {
        let Some(Command::Code(_, sender)) = soon("an order", place.reports.recv()).await else {
            panic!("something else than an order")
        };
        // Decided before the order was heard.
        place.repository.evict(wanted.digest);
        sender.send(Ok(Vec::new())).unwrap();
    };
    let (added, ()) = tokio::join!(adding, answering);
    added.unwrap();
    place.assert_whole(&code).await;
}

#[tokio::test]
async fn what_does_not_come_to_its_end_leaves_nothing() {
    let world = World::new();
    let place = world.place("r");
    let mut upload = place.repository.upload().await.unwrap();
    upload.write(&bytes(700_000)).await.unwrap();
    assert_eq!(place.files().len(), 1);
    drop(upload);
    assert!(place.files().is_empty());

    let mut upload = place.repository.upload().await.unwrap();
    let broken = futures_util::stream::iter([
        Ok(http_body::Frame::data(bytes::Bytes::from_static(b"x"))),
        Err("the client has gone".into()),
    ]);
    let body = http_body_util::StreamBody::new(broken).boxed_unsync();
    let cut = upload.write_body(body).await.unwrap_err();
    assert!(cut.to_string().contains("the client has gone"), "{cut}");
    drop(upload);

    let mut upload = place.repository.upload().await.unwrap();
    let long = upload.write_body(full_body(vec![0; (1 << 20) + 1])).await;
    assert!(matches!(long, Err(UploadError::TooLong(_))));
    drop(upload);

    let empty = place.repository.upload().await.unwrap().finish().await;
    assert!(matches!(empty, Err(UploadError::Empty)));
    drop(stage(&place, &bytes(FIVE)).await);
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[tokio::test]
async fn a_release_of_other_code_is_told_what_is_wrong() {
    let code = bytes(FIVE);
    let world = World::new();
    let place = world.place("r");
    for field in ["digest", "length", "root"] {
        let mut wrong = release(&code);
        match field {
            "digest" => wrong.digest.0[0] ^= 1,
            "length" => wrong.length += 1,
            _ => wrong.root[0] ^= 1,
        }
        let staged = stage(&place, &code).await;
        let error = place.repository.add(staged, Arc::new(wrong)).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    assert!(place.files().is_empty());
}
