//! Machine code: compiled once, kept on disk, never believed when it is damaged.

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::*;
use waybook_wasm::{LoadError, Source, Wasm};

fn files(house: &House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.cache.path()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn many_who_ask_at_once_wait_for_one_compilation() {
    let house = House::new();
    let loads = (0..20).map(|_| house.load("count"));
    // One that gives up at once keeps nobody from it.
    drop(house.load("count"));
    let codes = futures_util::future::join_all(loads).await;
    assert!(codes.iter().all(|code| Arc::ptr_eq(code, &codes[0])));
    assert_eq!(house.wasm.counters().compiled, 1);
}

#[tokio::test]
async fn another_engine_takes_the_code_from_disk() {
    let house = House::new();
    house.load("count").await;
    let bytes = guest("count");
    let again = Wasm::new(settings(house.cache.path())).unwrap();
    // The component itself is not read.
    let nowhere = Source::Path("nowhere.wasm".into());
    let code = again.load(digest(&bytes), nowhere).await.unwrap();
    let counters = again.counters();
    assert_eq!((counters.compiled, counters.cache_hits), (0, 1));
    let component = again.start(code, start()).await.unwrap();
    assert_eq!(ask(&component, "/").await.unwrap(), "a");
}

/// What a crash left half written stayed until the component itself was dropped.
#[tokio::test]
async fn what_a_crash_left_is_removed() {
    let house = House::new();
    drop(house.load("count").await);
    let [file] = files(&house).try_into().unwrap();
    std::fs::write(file.with_extension("7-0.part"), "half").unwrap();
    let _again = Wasm::new(settings(house.cache.path())).unwrap();
    assert_eq!(files(&house), [file]);
}

#[tokio::test]
async fn damaged_code_is_compiled_anew() {
    let house = House::new();
    drop(house.load("count").await);
    let [file] = files(&house).try_into().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let damages = [
        Vec::new(),
        whole[..20].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        flipped,
    ];
    for (times, damaged) in damages.into_iter().enumerate() {
        std::fs::write(&file, damaged).unwrap();
        let component = house.run("count").await;
        assert_eq!(ask(&component, "/").await.unwrap(), "a");
        let counters = house.wasm.counters();
        assert_eq!(counters.cache_damaged, times as u64 + 1);
        assert_eq!(counters.compiled, times as u64 + 2);
        assert_eq!(std::fs::read(&file).unwrap().len(), whole.len());
        drop(component);
        // The code stays in memory while an instance of it lives.
        until("the code is gone", || {
            house.wasm.counters().instances_live == 0
        })
        .await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn code_with_a_right_checksum_that_is_no_code_is_compiled_anew() {
    let house = House::new();
    drop(house.load("count").await);
    let [file] = files(&house).try_into().unwrap();
    let mut foreign = b"waybook\x01".to_vec();
    foreign.extend(blake3::hash(b"no code").as_bytes());
    foreign.extend(b"no code");
    std::fs::write(&file, foreign).unwrap();
    drop(house.load("count").await);
    let counters = house.wasm.counters();
    assert_eq!((counters.compiled, counters.cache_damaged), (2, 1));
}

#[tokio::test]
async fn an_engine_with_other_settings_compiles_anew() {
    let house = House::new();
    house.load("count").await;
    let before = files(&house);
    // What an engine of another version or another processor would look for has another name.
    let other = before[0].with_file_name(
        before[0]
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace('-', "-0"),
    );
    std::fs::rename(&before[0], &other).unwrap();
    let again = Wasm::new(settings(house.cache.path())).unwrap();
    let bytes = guest("count");
    let loaded = again
        .load(digest(&bytes), Source::Bytes(bytes.clone().into()))
        .await;
    loaded.unwrap();
    assert_eq!(again.counters().compiled, 1);
    // What was there of the component before is gone.
    assert_eq!(files(&house), before);
}

#[tokio::test]
async fn evicted_code_is_gone_while_what_runs_goes_on() {
    let house = House::new();
    let component = house.run("count").await;
    house.wasm.evict(digest(&guest("count"))).await.unwrap();
    assert!(files(&house).is_empty());
    assert_eq!(ask(&component, "/").await.unwrap(), "a");
    house.load("count").await;
    assert_eq!(house.wasm.counters().compiled, 2);
}

#[tokio::test]
async fn only_what_is_named_is_retained() {
    let house = House::new();
    drop(house.load("count").await);
    drop(house.load("echo").await);
    let other = house.cache.path().join("not-ours");
    std::fs::write(&other, "x").unwrap();
    assert_eq!(files(&house).len(), 3);
    let kept = [digest(&guest("count"))].into();
    house.wasm.retain(&kept).unwrap();
    let mut left = files(&house);
    left.sort();
    assert_eq!((left.len(), &left[1]), (2, &other));
    assert!(!left[0].ends_with("not-ours"));
    house
        .wasm
        .retain(&std::collections::BTreeSet::new())
        .unwrap();
    assert_eq!(files(&house), [other]);
}

/// A compilation that ended after its component was evicted left machine code that nobody
/// knew of, and that nothing removed.
#[tokio::test]
async fn code_that_is_evicted_while_it_is_compiled_is_not_kept() {
    let house = House::new();
    // The shipped one takes long enough for an eviction to come between.
    let bytes = sample("echo");
    let digest = digest(&bytes);
    let mut loading = Box::pin(house.wasm.load(digest, Source::Bytes(bytes.into())));
    assert!(futures_util::poll!(&mut loading).is_pending());
    house.wasm.evict(digest).await.unwrap();
    loading.await.unwrap();
    assert_eq!(house.wasm.counters().compiled, 1);
    assert!(files(&house).is_empty(), "{:?}", files(&house));
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why() {
    let house = House::with(|settings| settings.component_bytes = 1 << 20);
    let bytes = guest("count");
    let wrong = house.wasm.load([1; 32], Source::Bytes(bytes.into())).await;
    assert!(matches!(wrong, Err(LoadError::WrongDigest { .. })));
    let nowhere = house
        .wasm
        .load([1; 32], Source::Path("nowhere.wasm".into()))
        .await;
    let why = nowhere.unwrap_err().to_string();
    assert!(why.contains("cannot be read from nowhere.wasm"), "{why}");
    let large = vec![0; (1 << 20) + 1];
    let large = house
        .wasm
        .load(digest(&large), Source::Bytes(large.into()))
        .await;
    assert!(matches!(large, Err(LoadError::TooLarge { .. })));
    let lacking = wat::parse_str(
        r#"(component (import "no:such/thing" (func)) (instance $i)
           (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#,
    )
    .unwrap();
    let lacking = house
        .wasm
        .load(digest(&lacking), Source::Bytes(lacking.into()))
        .await;
    let why = lacking.unwrap_err().to_string();
    assert!(why.contains("no:such/thing"), "{why}");
    assert!(files(&house).is_empty());
}
