//! Programs are held to what is booked for them, and nothing of them is left.

mod kernel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::session::{Running, get, wait_until};
use crate::{code, err, out, run};
use kernel::{Kernel, kernel};

/// Where all groups of this kernel are.
const GROUPS: &str = "/sys/fs/cgroup";
/// This kernel has less address space than others, which WebAssembly's memories reserve.
const PLACE: &str = r#"
name = "core"
data-dir = "data"
identity.certificate = "identity/place.crt"
identity.key = "identity/place.key"
identity.authority = "identity/authority.crt"
cgroup.enforce = "required"
metrics.listen = "127.0.0.1:0"
gateway.listen = "127.0.0.1:8080"
wasm.instances = 4
[capacity]
cpu = 4
memory = "1 GiB"
[programs.hungry]
command = ["python3", "-IS", "hungry.py"]
ready = { http = "/" }
timeout = "120 s"
"#;
const MEAL: &str = r#"
title = "meal"
[[quality]]
name = "only"
[quality.demand.server]
cpu = "200m"
memory = "64 MiB"
[[quality.component]]
at = "server"
name = "hungry"
runtime = "process"
"#;

#[test]
fn programs_are_held_to_what_is_booked() {
    match kernel("cgroup::programs_are_held_to_what_is_booked") {
        Kernel::Done => {}
        Kernel::Inside => inside(Path::new("/run")),
        // Said aloud.
        Kernel::Missing => {}
    }
}

/// A place in a group that is its own, as a service's is.
struct Place<'a> {
    home: &'a Path,
    group: PathBuf,
    running: Option<Running>,
}

impl Place<'_> {
    fn start(&mut self) {
        // Only where no bounds are set on groups below may processes be; so a place that comes back
        // starts where it was.
        let own = self.group.join("waybook");
        let group = if own.exists() {
            own
        } else {
            self.group.clone()
        };
        let start = format!(
            "echo $$ > {}/cgroup.procs && exec \"$0\" place run --config core.toml 2>> log",
            group.display()
        );
        let mut place = Command::new("sh");
        place.args(["-c", &start, env!("CARGO_BIN_EXE_waybook")]);
        place.current_dir(self.home).stdin(Stdio::null());
        self.running = Some(Running(place.spawn().unwrap()));
        let wait = ["place", "wait", "core", "--data", "data", "--for", "5 s"];
        wait_until("the place answers", || {
            let ended = self.running.as_mut().unwrap().0.try_wait().unwrap();
            let log = || fs::read_to_string(self.home.join("log")).unwrap();
            assert!(ended.is_none(), "{}", log());
            code(&run(self.home, &wait)) == 0
        });
    }

    fn kill(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        kill_process(Pid::from_child(&running.0), Signal::KILL).unwrap();
        running.0.wait().unwrap();
    }

    fn done(&self, arguments: &[&str]) -> String {
        let said = run(self.home, &[arguments, &["--data", "data"]].concat());
        assert_eq!(code(&said), 0, "{arguments:?}: {}", err(&said));
        out(&said)
    }

    /// A session, and where it answers.
    fn open(&self, title: &str) -> (String, String) {
        let said = self.done(&["open", title, "--at", "core", "--detach", "--json"]);
        let last = said.lines().last().unwrap();
        let opened: serde_json::Value = serde_json::from_str(last).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let session = &opened["data"];
        (text(&session["session"]), text(&session["urls"]["path"]))
    }

    /// The groups of its programs.
    fn groups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.group).unwrap();
        let groups = entries.map(|entry| entry.unwrap().path());
        let of_program = |path: &PathBuf| path.display().to_string().contains("/waybook-");
        groups.filter(of_program).collect()
    }
}

fn lives(process: &str) -> bool {
    let process = Pid::from_raw(process.parse().unwrap()).unwrap();
    test_kill_process(process).is_ok()
}

fn inside(home: &Path) {
    fs::write(home.join("hungry.py"), include_str!("hungry.py")).unwrap();
    fs::write(home.join("core.toml"), PLACE).unwrap();
    fs::write(home.join("meal.toml"), MEAL).unwrap();
    // With time enough to come back fast.
    let feast = MEAL
        .replace("meal", "feast")
        .replace("200m", "2")
        .replace("64 MiB", "32 MiB");
    fs::write(home.join("feast.toml"), &feast).unwrap();
    let banquet = feast.replace("feast", "banquet") + "config = { breakfast = \"128\" }\n";
    fs::write(home.join("banquet.toml"), banquet).unwrap();
    for arguments in [
        &["ca", "init", "--ca", "ca"][..],
        &["ca", "issue", "core", "--ca", "ca", "--out", "identity"],
    ] {
        let said = run(home, arguments);
        assert_eq!(code(&said), 0, "{}", err(&said));
    }
    let all = Path::new(GROUPS);
    fs::write(all.join("cgroup.subtree_control"), "+cpu +memory +pids").unwrap();
    let group = all.join("service");
    fs::create_dir(&group).unwrap();
    let mut place = Place {
        home,
        group,
        running: None,
    };
    place.start();
    assert!(place.done(&["bookings"]).contains("programs are held"));
    for title in ["meal.toml", "feast.toml", "banquet.toml"] {
        place.done(&["publish", title, "--at", "core"]);
    }

    let (session, url) = place.open("meal");
    let said = get(&format!("{url}group")).1;
    let [group] = &place.groups()[..] else {
        panic!("{:?}", place.groups());
    };
    let name = group.file_name().unwrap().to_str().unwrap();
    assert_eq!(said, format!("0::/service/{name}"));
    let told = |file: &str| fs::read_to_string(group.join(file)).unwrap();
    assert_eq!(told("cpu.max"), "20000 100000\n");
    assert_eq!(told("memory.max"), format!("{}\n", 64 << 20));
    assert_eq!(told("pids.max"), "1024\n");
    // Half a second of a processor at a fifth of one: the kernel does not give it sooner.
    let took: f64 = get(&format!("{url}burn")).1.parse().unwrap();
    assert!(took > 2.0, "{took} s");
    assert!(!told("cpu.stat").contains("throttled_usec 0\n"));

    // What a killed daemon has left is gone when the place comes back, whatever it has made of itself.
    let left = get(&format!("{url}leave")).1;
    assert!(lives(&left));
    place.kill();
    assert!(lives(&left));
    place.start();
    assert!(!lives(&left));
    // And what a session leaves goes with it.
    let mut left = String::new();
    wait_until("the session answers again", || {
        let (status, said) = get(&format!("{url}leave"));
        left = said;
        status.contains("200")
    });
    assert!(lives(&left));
    place.done(&["close", &session]);
    wait_until("nothing is left of the session", || {
        place.groups().is_empty()
    });
    assert!(!lives(&left));

    // Who wants more memory than was booked is killed, comes back, and in the end has failed.
    let (session, url) = place.open("feast");
    wait_until("the program is given up", || {
        // It ends in the middle of the answer, or is not back yet.
        let _ = std::panic::catch_unwind(|| get(&format!("{url}eat")));
        place.groups().is_empty()
    });
    let show = ["session", &session, "--data", "data"];
    let mut over = run(home, &show);
    wait_until("the session is over", || {
        over = run(home, &show);
        code(&over) == 1
    });
    let why = "more memory than is booked for it";
    assert!(err(&over).contains(why), "{}", err(&over));
    let log = fs::read_to_string(home.join("log")).unwrap();
    assert!(log.contains(why), "{log}");
    let explained = place.done(&["why", &session]);
    assert!(
        explained.contains("The session is over")
            && explained.contains("is booked for it (32 MiB)"),
        "{explained}"
    );
    // It is held from its first instruction on: one that takes too much before it is ready was
    // let, and killed only later.
    let open = [
        "open", "banquet", "--at", "core", "--key", "banquet", "--detach",
    ];
    let refused = run(home, &[&open[..], &["--data", "data"]].concat());
    assert_eq!(code(&refused), 3, "{}{}", out(&refused), err(&refused));
    let explained = place.done(&["why", "banquet"]);
    assert!(
        explained.contains("is booked for it (32 MiB)"),
        "{explained}"
    );
    let runtime = fs::read_to_string(home.join("data/runtime.json")).unwrap();
    let runtime: serde_json::Value = serde_json::from_str(&runtime).unwrap();
    let metrics = runtime["metrics"].as_str().unwrap();
    let (_, figures) = get(&format!("http://{metrics}/metrics"));
    let figure = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{name}\n{figures}"));
        line.trim().parse::<f64>().unwrap()
    };
    assert!(figure("waybook_programs_enforced ") > 0.0);
    assert!(figure("waybook_program_memory_kills_total ") > 1.0);
}
