//! Components that do what they should not: each fails its own requests, and nothing else.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::*;
use http::Request;
use http_body_util::BodyExt;
use waybook_wasm::{Body, Budget, CallFailure, Instances, Settings, Source, Start};

const SHORT: Duration = Duration::from_millis(200);

fn hasty(settings: &mut Settings) {
    settings.timeout = SHORT;
    settings.grace = SHORT;
}

#[tokio::test]
async fn a_trap_fails_its_request_and_the_next_gets_a_fresh_instance() {
    let house = House::new();
    let start = Start {
        instances: Instances::Keep,
        ..start()
    };
    let component = house.run_with("count", start).await;
    assert_eq!(ask(&component, "/").await.unwrap(), "a");
    assert_eq!(ask(&component, "/").await.unwrap(), "b");
    let failure = ask(&component, "/t").await.unwrap_err();
    assert!(
        matches!(&failure, CallFailure::Trapped(why) if why.contains("unreachable")),
        "{failure}"
    );
    assert_eq!(ask(&component, "/").await.unwrap(), "a");
    assert_eq!(house.wasm.counters().traps, 1);
}

#[tokio::test]
async fn repeated_traps_lead_to_a_rest_after_which_it_recovers() {
    let house = House::with(|settings| {
        settings.traps_allowed = 2;
        settings.backoff_first = Duration::from_secs(3600);
        settings.backoff_most = SHORT;
    });
    let component = house.run("count").await;
    for _ in 0..2 {
        let failure = ask(&component, "/t").await.unwrap_err();
        assert!(matches!(failure, CallFailure::Trapped(_)), "{failure}");
    }
    let failure = ask(&component, "/").await.unwrap_err();
    assert!(
        matches!(failure, CallFailure::BackingOff { traps: 2, .. }),
        "{failure}"
    );
    let recovers = async {
        loop {
            match ask(&component, "/").await {
                Ok(answer) => return answer,
                Err(CallFailure::BackingOff { rest, .. }) => tokio::time::sleep(rest).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, recovers).await.unwrap(), "a");
    // An answer makes good what was before.
    ask(&component, "/t").await.unwrap_err();
    ask(&component, "/").await.unwrap();
    assert!(house.wasm.counters().backed_off >= 1);
}

/// On a single thread, so that it shows if the runtime is kept from running.
async fn computes_for_ever(name: &str) {
    let house = House::with(hasty);
    let other = house.run("count").await;
    let component = house.run(name).await;
    let failing = tokio::spawn(async move { ask(&component, "/").await });
    let mut answers = 0;
    while !failing.is_finished() {
        ask(&other, "/").await.unwrap();
        answers += 1;
    }
    assert!(answers > 1, "the other did not get to answer");
    let failure = failing.await.unwrap().unwrap_err();
    assert!(matches!(failure, CallFailure::TimedOut(_)), "{failure}");
    assert_eq!(house.wasm.counters().timeouts, 1);
    until("the instance is gone", || {
        house.wasm.counters().instances_live <= 1
    })
    .await;
}

#[tokio::test]
async fn a_component_that_loops_is_ended_while_others_answer() {
    computes_for_ever("loop").await;
}

#[tokio::test]
async fn a_component_that_only_yields_is_ended_while_others_answer() {
    computes_for_ever("yield3").await;
}

#[tokio::test]
async fn a_component_that_never_answers_times_out() {
    let house = House::with(hasty);
    for name in ["never", "wait3"] {
        let component = house.run(name).await;
        for _ in 0..2 {
            let failure = ask(&component, "/").await.unwrap_err();
            assert_eq!(failure, CallFailure::TimedOut(SHORT), "{name}");
        }
        drop(component);
        until("the instance is gone", || {
            house.wasm.counters().instances_live == 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_component_that_loops_after_it_began_to_answer_is_ended() {
    let house = House::with(hasty);
    let component = house.run("tail").await;
    let response = call(&component, request("/", "")).await.unwrap();
    let why = read(response).await.unwrap_err();
    assert!(why.contains("did nothing about the request"), "{why}");
}

#[tokio::test]
async fn a_component_that_goes_on_behind_its_answer_is_ended() {
    let house = House::with(hasty);
    let component = house.run("behind3").await;
    assert_eq!(ask(&component, "/").await.unwrap(), "done");
    until("the instance is gone", || component.instances() == 0).await;
    assert_eq!(ask(&component, "/").await.unwrap(), "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let house = House::with(|settings| settings.traps_allowed = u32::MAX);
    let component = house.run("half").await;
    for _ in 0..50 {
        let response = call(&component, request("/", "")).await.unwrap();
        let why = read(response).await.unwrap_err();
        assert!(why.contains("trapped"), "{why}");
    }
}

#[tokio::test]
async fn a_component_that_takes_memory_without_end_fails_alone() {
    let house = House::new();
    let budget = Budget::new(4 << 20, 1_000_000);
    let in_budget = || Start {
        budget: Arc::clone(&budget),
        ..start()
    };
    let other = house.run_with("count", in_budget()).await;
    let before = budget.memory_used();
    assert!(before > 0);
    let component = house.run_with("grow", in_budget()).await;
    assert_eq!(
        ask(&component, "/").await.unwrap_err(),
        CallFailure::OutOfMemory
    );
    assert_eq!(ask(&other, "/").await.unwrap(), "a");
    drop(component);
    until("its memory is given back", || {
        budget.memory_used() == before
    })
    .await;
    drop(other);
    until("all memory is given back", || budget.memory_used() == 0).await;
    assert_eq!(house.wasm.counters().memory_bytes, 0);
    // By the limit of one instance, too.
    let limited = Start {
        memory: Some(1 << 20),
        ..start()
    };
    let component = house.run_with("grow", limited).await;
    assert_eq!(
        ask(&component, "/").await.unwrap_err(),
        CallFailure::OutOfMemory
    );
}

/// An instance that had once been refused memory had run out of it whenever it trapped later.
#[tokio::test]
async fn a_trap_is_not_laid_to_memory_that_an_earlier_request_was_refused() {
    let house = House::new();
    let limited = Start {
        memory: Some(1 << 20),
        instances: Instances::Keep,
        ..start()
    };
    let component = house.run_with("starved", limited).await;
    assert_eq!(ask(&component, "/").await.unwrap(), "a");
    assert_eq!(house.wasm.counters().memory_refused, 1);
    let failure = ask(&component, "/t").await.unwrap_err();
    assert!(matches!(failure, CallFailure::Trapped(_)), "{failure}");
    assert_eq!(house.wasm.counters().instances_made, 1);
}

#[tokio::test]
async fn a_component_without_memory_for_one_instance_does_not_start() {
    let house = House::new();
    let code = house.load("count").await;
    let start = Start {
        budget: Budget::new(1 << 16, 1000),
        ..start()
    };
    let Err(why) = house.wasm.start(code, start).await else {
        panic!("it started");
    };
    assert!(why.contains("out of memory"), "{why}");
    assert_eq!(house.wasm.counters().memory_bytes, 0);
}

#[tokio::test]
async fn ten_thousand_resources_or_streams_are_too_many() {
    let house = House::new();
    for name in ["hoard", "streams3"] {
        let component = house.run(name).await;
        let failure = ask(&component, "/").await.unwrap_err();
        assert!(
            matches!(failure, CallFailure::Trapped(_)),
            "{name}: {failure}"
        );
    }
}

#[tokio::test]
async fn ten_thousand_requests_sent_on_are_too_many() {
    let house = House::new();
    let (calls, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    struct Count(Arc<AtomicU64>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let counts = (Arc::clone(&calls), Arc::clone(&ended));
    let start = Start {
        next: Arc::new(NextOf(move |_: Request<Body>| {
            counts.0.fetch_add(1, Ordering::Relaxed);
            let count = Count(Arc::clone(&counts.1));
            Box::pin(async move {
                let _count = count;
                std::future::pending().await
            }) as _
        })),
        ..start()
    };
    let component = house.run_with("flood", start).await;
    let failure = ask(&component, "/").await.unwrap_err();
    assert!(matches!(failure, CallFailure::Trapped(_)), "{failure}");
    assert!(calls.load(Ordering::Relaxed) <= 16);
    until("the requests are given up", || {
        calls.load(Ordering::Relaxed) == ended.load(Ordering::Relaxed)
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_work() {
    let house = House::with(|settings| settings.grace = PATIENCE);
    let keep = || Start {
        instances: Instances::Keep,
        ..start()
    };
    // One that notices goes on with the next request.
    let component = house.run_with("endless", keep()).await;
    for _ in 0..3 {
        let mut response = call(&component, request("/", "")).await.unwrap();
        response.body_mut().frame().await.unwrap().unwrap();
    }
    assert_eq!(house.wasm.counters().instances_made, 1);
    drop(component);
    // One that does not is ended, and the next request gets a fresh instance.
    let house = House::with(|settings| settings.grace = SHORT);
    let component = house.run_with("stubborn", keep()).await;
    for _ in 0..2 {
        let mut response = call(&component, request("/", "")).await.unwrap();
        response.body_mut().frame().await.unwrap().unwrap();
    }
    assert!(house.wasm.counters().instances_made >= 2);
    // As is one whose call is dropped before there is a response.
    let component = house.run_with("never", keep()).await;
    let given_up =
        tokio::time::timeout(Duration::from_millis(20), component.call(request("/", "")));
    assert!(given_up.await.is_err());
    until("the instance is gone", || component.instances() == 0).await;
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused() {
    let house = House::with(|settings| settings.requests_per_component = 2);
    let component = house.run("never").await;
    let mut first = Box::pin(component.call(request("/", "")));
    let mut second = Box::pin(component.call(request("/", "")));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    let failure = ask(&component, "/").await.unwrap_err();
    assert_eq!(failure, CallFailure::TooManyRequests(2));
    component.stop();
    assert_eq!(first.await.unwrap_err(), CallFailure::Stopped);
    assert_eq!(second.await.unwrap_err(), CallFailure::Stopped);
    assert_eq!(
        ask(&component, "/").await.unwrap_err(),
        CallFailure::Stopped
    );
    until("the instances are gone", || {
        house.wasm.counters().instances_live == 0
    })
    .await;
}

#[tokio::test]
async fn more_instances_than_there_may_be_are_refused() {
    let house = House::with(|settings| settings.instances = 1);
    let _only = house.run("count").await;
    let code = house.load("count").await;
    let Err(why) = house.wasm.start(code, start()).await else {
        panic!("it started");
    };
    assert!(
        why.contains("no instance of the component can be made now"),
        "{why}"
    );
}

/// A presentation that asked for many instances got them, whatever the operator allowed for
/// one component, and could so take those of all others.
#[tokio::test]
async fn no_component_gets_more_instances_than_the_operator_allows_it() {
    let house = House::with(|settings| settings.instances_per_component = 2);
    let start = Start {
        instances: Instances::UpTo(16),
        ..start()
    };
    let component = house.run_with("never", start).await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        let mut call = Box::pin(component.call(request("/", "")));
        assert!(futures_util::poll!(&mut call).is_pending());
        calls.push(call);
    }
    assert_eq!(component.instances(), 2);
}

/// A component of many memories could take all that the engine has.
#[tokio::test]
async fn no_component_has_more_parts_than_its_share() {
    let house = House::new();
    let load = async |instances: usize| {
        let parts = "(core instance (instantiate $part))".repeat(instances);
        let text = format!(
            r#"(component
                (core module $part (memory 1))
                {parts}
                (instance $handler)
                (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
        );
        let bytes = wat::parse_str(&text).unwrap();
        let loaded = house.wasm.load(digest(&bytes), Source::Bytes(bytes.into()));
        loaded.await.unwrap_err().to_string()
    };
    let why = load(9).await;
    assert!(why.contains("memories"), "{why}");
    // Fewer are refused only because there is no handler in it.
    let why = load(8).await;
    assert!(why.contains("handle"), "{why}");
}

/// A request that waited while there was memory for one instance only was the reason to try
/// for another one again and again, as fast as the machine could.
#[tokio::test]
async fn an_instance_that_cannot_be_made_is_not_tried_for_without_end() {
    let house = House::with(hasty);
    let budget = Budget::new(300 << 10, 1_000_000);
    let start = Start { budget, ..start() };
    let component = house.run_with("never", start).await;
    let calls = (0..4).map(|_| ask(&component, "/"));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap_err();
    }
    let refused = house.wasm.counters().memory_refused;
    assert!((1..=100).contains(&refused), "{refused} times");
}

#[tokio::test]
async fn a_component_gets_no_more_than_its_share_of_the_processor() {
    let house = House::with(|settings| settings.timeout = Duration::from_secs(1));
    let budget = Budget::new(1 << 30, 20);
    let start = Start {
        budget: Arc::clone(&budget),
        ..start()
    };
    let component = house.run_with("loop", start).await;
    ask(&component, "/").await.unwrap_err();
    drop(component);
    // A fiftieth of the time, and a few ticks more; unrestrained it is nearly all of it.
    let used = budget.processor_used();
    assert!(used < Duration::from_millis(300), "{used:?}");
    assert!(used > Duration::ZERO);
}
