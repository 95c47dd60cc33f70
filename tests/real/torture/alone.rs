//! Runs a test again in namespaces of its own, where it may cut networks and fill disks, and
//! where whatever it starts ends with it.

use std::process::{Command, Stdio};

/// Set for the test that runs in namespaces of its own.
const INSIDE: &str = "WAYBOOK_TORTURE_INSIDE";

/// What the test does now.
pub(crate) enum Alone {
    /// It has run in namespaces of its own.
    Done,
    /// It does run there.
    Inside,
    /// This machine does not allow it.
    Impossible,
}

/// What is needed inside, tried at once.
const TRY: &str = "ip link set lo up && mount -t tmpfs -o size=1m tmpfs /run && ip netns add one \
                   && ip netns exec one nft add table inet wall";

/// The namespaces: of networks, of mounts, and of processes, which end with the first of them.
const UNSHARE: [&str; 6] = [
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
];

/// Ways to be root in new namespaces: by being it, by being it there only, by asking for it.
const WAYS: [(&[&str], &[&str]); 3] = [
    (&[], &["--kill-child"]),
    (&[], &["--kill-child", "--user", "--map-root-user"]),
    (&["sudo", "-n"], &["--kill-child"]),
];

fn command(way: (&[&str], &[&str]), then: &[&str]) -> Command {
    let words: Vec<&str> = [way.0, &UNSHARE, way.1, &["env"], then].concat();
    let mut command = Command::new(words[0]);
    // What only root uses is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// Runs the test of that name again, if this is not the second run.
pub(crate) fn alone(test: &str) -> Alone {
    if std::env::var_os(INSIDE).is_some() {
        return Alone::Inside;
    }
    let works = |way: &(&[&str], &[&str])| {
        let mut trial = command(*way, &["sh", "-c", TRY]);
        trial.stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    let Some(way) = WAYS.into_iter().find(works) else {
        let what = "cuts, and full and read-only disks: they need root, `unshare`, `ip` and `nft`";
        assert!(
            std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
            "WAYBOOK_REQUIRE_ALL is set, and these would be skipped: {what}"
        );
        eprintln!("SKIPPED: {what}");
        return Alone::Impossible;
    };
    let this = std::env::current_exe().unwrap();
    let mut settings = vec![format!("{INSIDE}=1")];
    for (key, value) in std::env::vars() {
        if key.starts_with("WAYBOOK_TORTURE_") {
            settings.push(format!("{key}={value}"));
        }
    }
    let this = this.display().to_string();
    let mut words: Vec<&str> = settings.iter().map(String::as_str).collect();
    words.extend([&*this, "--exact", test, "--nocapture", "--test-threads=1"]);
    let status = command(way, &words).status().unwrap();
    assert!(status.success(), "it failed in its namespaces; see above");
    Alone::Done
}
