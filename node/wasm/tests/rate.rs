//! How many requests per second a component answers, with instances that are reused and with
//! a fresh one for each. Prints only:
//!
//!     cargo test --release -p waybook-wasm --test rate -- --ignored --nocapture

mod common;

use std::time::Instant;

use common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, to be made in release mode"]
async fn reused_and_fresh_instances() {
    const CLIENTS: u32 = 32;
    const EACH: u32 = 1_000;
    for name in ["count", "service3"] {
        let mut rates = Vec::new();
        for reuse in [1, 128] {
            let house = House::with(|settings| {
                settings.reuse = reuse;
                settings.instances = 64;
                settings.memories = 64;
                settings.instances_per_component = 32;
            });
            let component = house.run(name).await;
            let begun = Instant::now();
            let clients = (0..CLIENTS).map(|_| {
                let component = component.clone();
                tokio::spawn(async move {
                    for _ in 0..EACH {
                        ask(&component, "/").await.unwrap();
                    }
                })
            });
            for client in futures_util::future::join_all(clients).await {
                client.unwrap();
            }
            let rate = f64::from(CLIENTS * EACH) / begun.elapsed().as_secs_f64();
            println!("{name}, {reuse} per instance: {rate:.0} requests/s");
            rates.push(rate);
        }
        println!(
            "{name}: {:.1} times as many with reuse",
            rates[1] / rates[0]
        );
    }
}
