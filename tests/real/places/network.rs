//! A network of its own for every place: a bridge, and walls that are built into it.

use std::process::Command;

/// The addresses of the places are this and a number.
const NET: &str = "10.77.0";

/// Runs a command that must succeed.
pub(crate) fn must(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{}`: {said}", words.join(" "));
}

fn space(place: usize) -> String {
    format!("place{place}")
}

/// Where a place is reached.
pub(crate) fn address(place: usize) -> String {
    format!("{NET}.{}", place + 1)
}

/// Lays cables from this process to so many places.
pub(crate) fn lay(places: usize) {
    must(&["ip", "link", "set", "lo", "up"]);
    must(&["ip", "link", "add", "hub", "type", "bridge"]);
    must(&["ip", "addr", "add", &format!("{NET}.254/24"), "dev", "hub"]);
    must(&["ip", "link", "set", "hub", "up"]);
    for place in 0..places {
        let space = space(place);
        let cable = format!("cable{place}");
        must(&["ip", "netns", "add", &space]);
        must(&[
            "ip", "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &space,
        ]);
        must(&["ip", "link", "set", &cable, "master", "hub", "up"]);
        let at = format!("{}/24", address(place));
        must(&["ip", "-n", &space, "addr", "add", &at, "dev", "eth0"]);
        must(&["ip", "-n", &space, "link", "set", "eth0", "up"]);
        must(&["ip", "-n", &space, "link", "set", "lo", "up"]);
        nft(place, "add table inet wall");
        nft(
            place,
            "add chain inet wall in { type filter hook input priority 0 ; }",
        );
    }
}

fn nft(place: usize, order: &str) {
    must(&["ip", "netns", "exec", &space(place), "nft", order]);
}

/// How a command is begun that runs in a place's network.
pub(crate) fn inside(place: usize) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &space(place)]);
    command
}

/// Nothing that the one place sends reaches the other any more.
pub(crate) fn cut(from: usize, to: usize) {
    nft(
        to,
        &format!("add rule inet wall in ip saddr {} drop", address(from)),
    );
}

/// All that is sent to a place reaches it again.
pub(crate) fn open(to: usize) {
    nft(to, "flush chain inet wall in");
}

/// Pulls a place's cable, or plugs it in again.
pub(crate) fn plug(place: usize, plugged: bool) {
    let state = if plugged { "up" } else { "down" };
    must(&["ip", "link", "set", &format!("cable{place}"), state]);
}
