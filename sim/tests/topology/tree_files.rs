//! Tree files.

use std::time::Duration;

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_sim::topology::generate::recursive;
use waybook_sim::topology::{Classes, Topology};

use super::names;

fn read(text: &str) -> Result<Topology, String> {
    Topology::from_csv(text, &Classes::Role).map_err(|e| e.to_string())
}

#[test]
fn a_tree_file_is_read_and_written_back() {
    let text = "place,class,latency,bandwidth-down,bandwidth-up\n\
                core,root,,,\n\
                core/bologna,hub,2.5 ms,10 Gbit/s,10 Gbit/s\n\
                core/bologna/lab,leaf,,100 Mbit/s,20 Mbit/s\n\
                core/bologna-2,leaf,1 us,,\n";
    let topology = read(text).unwrap();
    assert_eq!(topology.to_csv(), text);
    let place = &topology.places()[1];
    assert_eq!(topology.class(place), "hub");
    assert_eq!(place.edge.latency, Some(Duration::from_micros(2500)));
    assert_eq!(place.edge.down, Some(10_000_000_000));
    assert_eq!(topology.places()[2].parent, Some(1));
    let name = PlaceName::new("core/bologna/lab").unwrap();
    assert_eq!(topology.find(&name), Some(2));
    assert_eq!(topology.find(&PlaceName::new("core/x").unwrap()), None);
}

#[test]
fn lines_and_columns_come_in_any_order_and_much_may_be_left_out() {
    let topology = read("# by hand\nlatency, place\n 3 ms , a/b/c\n,a\n\n,a/b\n").unwrap();
    assert_eq!(names(&topology), ["a", "a/b", "a/b/c"]);
    let classes: Vec<_> = topology
        .places()
        .iter()
        .map(|p| topology.class(p))
        .collect();
    assert_eq!(classes, ["root", "inner", "leaf"]);
    assert_eq!(
        topology.places()[2].edge.latency,
        Some(Duration::from_millis(3))
    );
    // A hyphen is less than the `/`, and yet a locality stays together.
    let topology = read("place\na/b-2\na/b/c\na/b\na\na/b/c/d\na/b-2/c\n").unwrap();
    assert_eq!(
        names(&topology),
        ["a", "a/b", "a/b/c", "a/b/c/d", "a/b-2", "a/b-2/c"]
    );
    let topology = Topology::from_csv("place\na\na/b\n", &Classes::Depth).unwrap();
    assert_eq!(topology.classes(), ["level-0", "level-1"]);
}

#[test]
fn bad_tree_files_are_refused_with_line_and_column() {
    for (text, message) in [
        ("", "line 1: there is no column `place`"),
        ("place\n", "there is no place in it"),
        (
            "# a\n\nplace,speed\n",
            "line 3, field 2: `speed` is no column",
        ),
        ("place,speed\n", "line 1, field 2: `speed` is no column"),
        (
            "place,place\n",
            "line 1, field 2: the column `place` is there twice",
        ),
        ("place\na\na/B\n", "line 3, column `place`: `B`"),
        (
            "place,class\na,Big\n",
            "line 2, column `class`: `Big` is no class",
        ),
        (
            "place,latency\na,\na/b,5\n",
            "line 3, column `latency`: `5` is no amount of time",
        ),
        (
            "place,latency\na,\na/b,2 h\n",
            "line 3, column `latency`: `2 h` is longer than an hour",
        ),
        (
            "place,bandwidth-up\na,\na/b,fast\n",
            "line 3, column `bandwidth-up`: `fast`",
        ),
        (
            "place,bandwidth-down\na,\na/b,0 bit/s\n",
            "line 3, column `bandwidth-down`: an edge of 0",
        ),
        ("place,latency\na,1 ms\n", "line 2: `a` is the root"),
        (
            "place\na\na/b\na/b\n",
            "line 4, column `place`: `a/b` is on line 3 already",
        ),
        (
            "place\na\na/b/c\n",
            "line 3, column `place`: the parent of `a/b/c` has no line; add one for `a/b`",
        ),
        (
            "place\na/b\n",
            "line 2, column `place`: the parent of `a/b` has no line",
        ),
        (
            "# a\nplace\na\n\n# b\r\n\na/b\n\na/b\n",
            "line 9, column `place`: `a/b` is on line 7 already",
        ),
        (
            "place\na\nb\n",
            "line 3, column `place`: `b` is a second root besides `a`",
        ),
        (
            "place,class\na\n",
            "line 2: here are 1 fields, and the header has 2",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.starts_with(message), "{text}\n{error}");
    }
}

#[test]
fn many_classes_are_refused() {
    let mut text = "place,class\na,root\n".to_owned();
    for n in 0..1100 {
        text += &format!("a/{n},class-{n}\n");
    }
    let error = read(&text).unwrap_err();
    assert!(error.contains("more than 1024 classes"), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        places in 1..60u32,
        seed in any::<u64>(),
        edges in proptest::collection::vec((0..4_000_000_000u64, 1..u64::MAX, 1..u64::MAX), 60),
    ) {
        let drawn = recursive(places, seed, &Classes::Depth).unwrap();
        let mut text = "place,class,latency,bandwidth-down,bandwidth-up\n".to_owned();
        for (place, (nanos, down, up)) in drawn.places().iter().zip(edges) {
            let class = drawn.class(place);
            text += &match place.parent {
                None => format!("{},{class},,,\n", place.name),
                Some(_) => format!("{},{class},{nanos} ns,{down} bit/s,{up} bit/s\n", place.name),
            };
        }
        let topology = read(&text).unwrap();
        prop_assert_eq!(topology.len(), drawn.len());
        prop_assert_eq!(read(&topology.to_csv()).unwrap(), topology);
    }
}
