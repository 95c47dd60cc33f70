//! What a crash leaves behind, and what the next life makes of it.

use std::path::PathBuf;
use std::time::Duration;

use waybook_agents::wire;
use waybook_place::io::{FetchFailure, RecordKey};
use waybook_plan::{Digest, Release};

use super::world::{CHUNK, End, FIVE, World, bytes, name, position, put_whole, release};

/// A repository with three verified chunks of five.
async fn with_a_part(world: &World, code: &[u8]) -> Release {
    let of = code.to_vec();
    world.source("r", code, move |turn, mut sent| {
        if turn == 0 {
            sent.truncate(position(&sent, &of, 3));
            return (sent, End::Break);
        }
        (sent, End::Shut)
    });
    let mut place = world.place("r/a");
    let wanted = release(code);
    assert_eq!(place.fetch(&wanted, "r").await, Err(FetchFailure::Cut));
    place.repository.stop().await;
    wanted
}

fn file(world: &World, digest: &Digest, suffix: &str) -> PathBuf {
    let folder = world.folder("r/a");
    folder.join(format!("{}.{suffix}", digest.hex()))
}

#[tokio::test]
async fn every_step_of_an_admission_may_be_the_last_one() {
    let code = bytes(FIVE);
    // What is there when the crash comes, and from where the next transfer goes on; none
    // if there is nothing left to transfer.
    let whole = code.len() as u64;
    let steps: [(&str, &[&str], Option<u64>); 8] = [
        ("the release is written", &["release"], Some(0)),
        (
            "the files are there",
            &["release", "part:0", "tree:0"],
            Some(0),
        ),
        (
            "some chunks are written",
            &["release", "part:3", "tree"],
            Some(3 * CHUNK as u64),
        ),
        (
            "hashes were not written",
            &["release", "part:3", "tree:0"],
            Some(0),
        ),
        ("all is written", &["release", "part", "tree"], Some(whole)),
        ("it has its name", &["release", "wasm", "tree"], None),
        ("the hashes are gone", &["release", "wasm"], None),
        ("a release is being written", &[".temporary"], Some(0)),
    ];
    for (step, files, from) in steps {
        let world = World::new();
        let wanted = with_a_part(&world, &code).await;
        let digest = wanted.digest;
        let tree = std::fs::read(file(&world, &digest, "tree")).unwrap();
        for suffix in ["release", "part", "tree"] {
            std::fs::remove_file(file(&world, &digest, suffix)).unwrap();
        }
        // The last pair, over all five chunks' halves, has come with the first ones.
        for what in files {
            let (suffix, chunks) = what.split_once(':').unwrap_or((what, "5"));
            let chunks: usize = chunks.parse().unwrap();
            let mut content = match suffix {
                "release" => wire::encode_record(&wanted),
                "part" | "wasm" => code[..(chunks * CHUNK).min(code.len())].to_vec(),
                "tree" if chunks == 0 => Vec::new(),
                "tree" if from == Some(whole) => {
                    // As it is when everything has come.
                    full_tree(&code).await
                }
                "tree" => tree.clone(),
                _ => vec![1, 2, 3],
            };
            if suffix == "part" && chunks == 3 {
                // Written and not verified, or not written but made room for.
                content.extend([0; 5000]);
            }
            let path = match suffix {
                ".temporary" => world.folder("r/a").join(".temporary"),
                suffix => file(&world, &digest, suffix),
            };
            std::fs::write(path, content).unwrap();
        }
        let asked = world.source("r", &code, |_, sent| (sent, End::Shut));
        let mut place = world.place("r/a");
        let found = place.files();
        match from {
            None => assert_eq!(found, ["release", "wasm"], "{step}"),
            Some(0) => assert!(found.is_empty(), "{step}: {found:?}"),
            Some(_) => assert_eq!(found, ["part", "release", "tree"], "{step}"),
        }
        assert_eq!(
            place.repository.read(&digest).await.is_ok(),
            from.is_none(),
            "{step}"
        );
        assert_eq!(place.fetch(&wanted, "r").await, Ok(()), "{step}");
        place.assert_whole(&code).await;
        let asked: Vec<_> = asked.lock().unwrap().iter().map(|r| r.from).collect();
        let wanted: Vec<_> = from.into_iter().filter(|from| *from < whole).collect();
        assert_eq!(asked, wanted, "{step}");
    }
}

/// The hashes of code that has come to its last chunk and was not admitted.
async fn full_tree(code: &[u8]) -> Vec<u8> {
    let world = World::new();
    world.source("r", code, |_, mut sent| {
        sent.push(0);
        (sent, End::Shut)
    });
    let mut place = world.place("r/a");
    assert!(place.fetch(&release(code), "r").await.is_err());
    std::fs::read(file(&world, &release(code).digest, "tree")).unwrap()
}

#[tokio::test]
async fn a_part_is_kept_as_far_as_it_is_right() {
    let code = bytes(FIVE);
    for wrong in 0..3 {
        let world = World::new();
        let wanted = with_a_part(&world, &code).await;
        let part = file(&world, &wanted.digest, "part");
        let mut content = std::fs::read(&part).unwrap();
        content[wrong * CHUNK + 5] ^= 1;
        std::fs::write(&part, content).unwrap();
        let asked = world.source("r", &code, |_, sent| (sent, End::Shut));
        let mut place = world.place("r/a");
        assert_eq!(place.fetch(&wanted, "r").await, Ok(()));
        place.assert_whole(&code).await;
        assert_eq!(asked.lock().unwrap()[0].from, (wrong * CHUNK) as u64);
    }
}

#[tokio::test]
async fn what_cannot_be_told_or_has_the_wrong_length_is_removed() {
    let code = bytes(FIVE);
    let digest = release(&code).digest;
    let cases: [(&str, Vec<u8>); 5] = [
        ("release", b"nonsense".to_vec()),
        ("release", wire::encode_record(&release(&bytes(5)))),
        ("release", vec![0; 1 << 20]),
        ("wasm", code[1..].to_vec()),
        ("wasm", Vec::new()),
    ];
    for (suffix, content) in cases {
        let world = World::new();
        put_whole(&world.folder("r/a"), &code);
        std::fs::write(file(&world, &digest, suffix), content).unwrap();
        let place = world.place("r/a");
        assert!(place.files().is_empty(), "{:?}", place.files());
        assert!(place.repository.read(&digest).await.is_err());
    }
    // Without its release nobody knows what it is.
    let world = World::new();
    put_whole(&world.folder("r/a"), &code);
    std::fs::remove_file(file(&world, &digest, "release")).unwrap();
    assert!(world.place("r/a").files().is_empty());
}

/// A release that could not be read for a moment cost the code that an operator had added.
#[tokio::test]
async fn code_whose_release_cannot_be_read_now_stays() {
    let code = bytes(FIVE);
    let world = World::new();
    let folder = world.folder("r");
    put_whole(&folder, &code);
    let file = folder.join(format!("{}.release", release(&code).digest.hex()));
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    // Whoever runs this, a folder cannot be read as a file.
    std::fs::create_dir(&file).unwrap();
    let refused = world.opened("r", |_| {}).map(drop).unwrap_err();
    assert_eq!(refused.path, file);
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, kept).unwrap();
    assert_eq!(world.place("r").files(), ["release", "wasm"]);
}

#[tokio::test]
async fn files_that_are_not_of_the_repository_stay() {
    let world = World::new();
    put_whole(&world.folder("r/a"), &bytes(FIVE));
    std::fs::write(world.folder("r/a").join("README"), "x").unwrap();
    let elsewhere = world.dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "x").unwrap();
    let link = file(&world, &release(&bytes(3)).digest, "wasm");
    std::os::unix::fs::symlink(&elsewhere, link).unwrap();
    let place = world.place("r/a");
    assert_eq!(place.files(), ["README", "release", "wasm", "wasm"]);
    let linked = place.repository.read(&release(&bytes(3)).digest).await;
    assert!(linked.is_err());
}

#[tokio::test]
async fn parts_are_kept_for_a_while_and_within_bounds() {
    let code = bytes(FIVE);
    let world = World::new();
    let wanted = with_a_part(&world, &code).await;
    let kept = world.place("r/a");
    assert_eq!(kept.files(), ["part", "release", "tree"]);
    let small = world.place_with("r/a", |config| config.parts = 2 * CHUNK as u64);
    assert!(small.files().is_empty(), "{:?}", small.files());
    let world = World::new();
    with_a_part(&world, &code).await;
    let part = std::fs::File::open(file(&world, &wanted.digest, "part")).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    part.set_modified(long_ago).unwrap();
    let old = world.place_with("r/a", |config| {
        config.parts_age = Duration::from_secs(1800);
    });
    assert!(old.files().is_empty(), "{:?}", old.files());
}

#[tokio::test]
async fn records_and_files_are_made_to_agree() {
    let [kept, lost, added] = [4, 5, 6].map(bytes);
    let world = World::new();
    for code in [&kept, &lost] {
        put_whole(&world.folder("r/a"), code);
    }
    let mut own = release(&added);
    own.home = name("r/a");
    put_whole(&world.folder("r/a"), &added);
    let sidecar = file(&world, &own.digest, "release");
    std::fs::write(sidecar, wire::encode_record(&own)).unwrap();
    let place = world.place("r/a");
    let key = |code: &[u8]| RecordKey::Code(release(code).digest);
    let child = (RecordKey::Child(name("r/a/x")), vec![1]);
    let records = vec![
        (key(&kept), vec![2]),
        child.clone(),
        (key(&bytes(99)), vec![3]),
    ];
    let mut reconciled = place.repository.reconcile(records, |release, added| {
        Some(vec![u8::try_from(release.length).unwrap(), u8::from(added)])
    });
    let mut wanted = vec![
        (key(&kept), vec![2]),
        child,
        (key(&lost), vec![5, 0]),
        (key(&added), vec![6, 1]),
    ];
    reconciled.sort();
    wanted.sort();
    assert_eq!(reconciled, wanted);
}

/// Nobody but the repository knew of parts that a restart had found.
#[tokio::test]
async fn the_place_is_told_of_what_an_earlier_life_left_in_part() {
    let code = bytes(FIVE);
    let world = World::new();
    let wanted = with_a_part(&world, &code).await;
    let place = world.place("r/a");
    let records = place.repository.reconcile(Vec::new(), |_, _| None);
    let part = waybook_place::part_record(&wanted, 3 * CHUNK as u64);
    assert_eq!(records, [(RecordKey::Part(wanted.digest), part)]);
}
