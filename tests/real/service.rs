//! What a service manager hears of a place that it has started.

use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::daemons::waybook;

/// More than any of it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next thing that is said, of those that begin so.
fn hear(manager: &UnixDatagram, beginning: &str) -> String {
    loop {
        let mut said = [0; 4096];
        let length = manager.recv(&mut said);
        let length = length.unwrap_or_else(|error| panic!("nothing of {beginning}: {error}"));
        let said = std::str::from_utf8(&said[..length]).unwrap();
        if said.starts_with(beginning) {
            return said.to_owned();
        }
    }
}

fn signal(place: &Child, signal: Signal) {
    let pid = i32::try_from(place.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn a_service_manager_hears_how_a_place_does() {
    let folder = tempfile::tempdir().unwrap();
    let ca = |arguments: &[&str]| {
        let made = waybook()
            .current_dir(folder.path())
            .arg("ca")
            .args(arguments)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    ca(&["init"]);
    ca(&["issue", "core", "--out", "data/identity"]);
    let config = folder.path().join("core.toml");
    std::fs::write(&config, "name = \"core\"\ndata-dir = \"data\"\n").unwrap();

    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut place = waybook()
        .args(["place", "run", "--config"])
        .arg(&config)
        .env("NOTIFY_SOCKET", &socket)
        // Every fifth of a second it says that it still works.
        .env("WATCHDOG_USEC", "400000")
        .spawn()
        .unwrap();

    assert_eq!(hear(&manager, "READY=1"), "READY=1\nSTATUS=core runs\n");
    for _ in 0..3 {
        hear(&manager, "WATCHDOG=1");
    }
    signal(&place, Signal::HUP);
    let reloading = hear(&manager, "RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    hear(&manager, "READY=1");
    signal(&place, Signal::TERM);
    hear(&manager, "STOPPING=1");
    assert!(place.wait().unwrap().success());
}
