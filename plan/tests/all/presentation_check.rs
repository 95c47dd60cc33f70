//! Presentations that arrive from other places.

use waybook_plan::{Component, Demand, Position, Presentation, Resource, Runtime};

use crate::presentation::film;

/// Checks that the film, once changed, is refused with this field and these words.
#[track_caller]
fn check_changed(change: impl FnOnce(&mut Presentation), start: &str, word: &str) {
    let mut film = film();
    film.check().unwrap();
    change(&mut film);
    let error = film.check().expect_err(start).to_string();
    assert!(
        error.starts_with(start) && error.contains(word),
        "{start:?}, {word:?}: {error}"
    );
}

fn component(name: &str) -> (Position, Component) {
    let config = [("key".to_owned(), "value".to_owned())].into();
    (
        Position::Server,
        Component {
            name: name.to_owned(),
            runtime: Runtime::Builtin,
            config,
        },
    )
}

#[test]
fn a_presentation_from_elsewhere_is_held_to_the_same() {
    check_changed(|p| p.title.clear(), "title: ", "empty");
    check_changed(|p| p.title = "é".repeat(101), "title: ", "202 bytes");
    check_changed(
        |p| p.description = "x".repeat(4001),
        "description: ",
        "at most 4000",
    );
    check_changed(
        |p| p.servers = vec![p.servers[0].clone(); 2],
        "servers 2: ",
        "twice",
    );
    check_changed(
        |p| p.servers = vec![p.servers[0].clone(); 300],
        "servers: ",
        "at most 256",
    );
    check_changed(|p| p.qualities.clear(), "quality: ", "at least one");
    check_changed(
        |p| p.qualities = vec![p.qualities[0].clone(); 33],
        "quality: ",
        "at most 32",
    );
    check_changed(
        |p| p.qualities[1].name = "high".into(),
        "quality \"high\", name: ",
        "its own",
    );
    check_changed(
        |p| p.qualities[1].name = "\n".repeat(9),
        "quality \"\\n\\n",
        "empty",
    );
    check_changed(
        |p| p.qualities[0].components = vec![component("x"); 17],
        "quality \"high\", component: ",
        "at most 16",
    );
    check_changed(
        |p| p.qualities[0].components = vec![component("")],
        "quality \"high\", component \"\", name: ",
        "empty",
    );
    for (settings, length, word) in [(33, 1, "at most 32"), (2, 3000, "at most 4096")] {
        let config = (0..settings)
            .map(|n| (format!("k{n:02}"), "v".repeat(length)))
            .collect();
        check_changed(
            |p| p.qualities[0].components[0].1.config = config,
            "quality \"high\", component \"relay\", config: ",
            word,
        );
    }
    check_changed(
        |p| {
            p.qualities[0]
                .demand
                .client
                .add(&Resource::up(), 1)
                .unwrap();
        },
        "quality \"high\", demand.client.up: ",
        "demand.edge",
    );
    check_changed(
        |p| {
            p.qualities[0]
                .demand
                .default_place
                .add(&Resource::memory(), u64::MAX)
                .unwrap();
        },
        "quality \"high\", demand.every-hop: ",
        "larger than any capacity",
    );
    let mut kinds = Demand::none();
    for n in 0..17 {
        kinds
            .add(&Resource::new(&format!("kind{n}")).unwrap(), 1)
            .unwrap();
    }
    check_changed(
        |p| p.qualities[0].demand.client = kinds,
        "quality \"high\", demand.client: ",
        "16",
    );
}
