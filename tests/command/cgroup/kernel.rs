//! Runs a test again in a kernel of its own, which is an ordinary program (User-Mode Linux): there
//! are groups of processes there that belong to nobody else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Starts the kernel.
const LINUX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/linux-uml");
/// Set for the test that runs in a kernel of its own.
const INSIDE: &str = "IN_A_KERNEL_OF_ITS_OWN";
/// Longer than it takes on a busy machine, in seconds.
const PATIENCE: &str = "400";

/// What the test does now.
pub(super) enum Kernel {
    /// It has run in a kernel of its own.
    Done,
    /// It does run there.
    Inside,
    /// There is none here.
    Missing,
}

/// The machine's files are there to be read, and nothing else of the machine.
fn first_process(test: &str) -> String {
    let this = std::env::current_exe().unwrap();
    format!(
        "#!/bin/sh\n\
         export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         mount -t proc proc /proc && mount -t sysfs sys /sys\n\
         mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs run /run\n\
         ip link set lo up\n\
         export HOME=/run TMPDIR=/run {INSIDE}=1\n\
         cd /run\n\
         '{}' --exact {test} --nocapture --test-threads=1 2>&1\n\
         echo \"the test ended with $?.\"\n\
         echo o > /proc/sysrq-trigger\n\
         sleep 60\n",
        this.display()
    )
}

/// Runs the test of that name again, if this is not the second run.
pub(super) fn kernel(test: &str) -> Kernel {
    if std::env::var_os(INSIDE).is_some() {
        return Kernel::Inside;
    }
    // Below the folder of the build, which no mount inside hides.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let init = folder.path().join("init");
    fs::write(&init, first_process(test)).unwrap();
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
    let started = Command::new("timeout")
        .args(["--kill-after=5", PATIENCE, LINUX])
        .arg(folder.path())
        .args(["mem=1024M", "ro", "quiet", "rootfstype=hostfs"])
        .args(["rootflags=/", "con=null", "con0=null,fd:1"])
        .arg(format!("init={}", init.display()))
        .stdin(Stdio::null())
        .output();
    let said = started.map(|output| {
        let (out, errors) = (&output.stdout, &output.stderr);
        String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(errors)
    });
    let said = said.unwrap_or_else(|error| error.to_string());
    if said.contains("the test ended with ") {
        assert!(said.contains("the test ended with 0."), "{said}");
        return Kernel::Done;
    }
    assert!(
        std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
        "WAYBOOK_REQUIRE_ALL is set, and `linux.uml` (Debian: user-mode-linux) did not run this: {said}"
    );
    eprintln!(
        "SKIPPED: programs held by a kernel: that needs `linux.uml` (user-mode-linux): {said}"
    );
    Kernel::Missing
}
