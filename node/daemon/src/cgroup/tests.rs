//! Folders stand for groups: what a kernel does with them is tried in a machine of its own.

use super::*;

const CONFIG: CgroupConfig = CgroupConfig {
    enforce: Enforce::Auto,
    pids: 9,
};

/// A group that this process is in, with those controllers.
fn group(controllers: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let me = format!("{}\n", std::process::id());
    for (file, text) in [
        ("cgroup.controllers", controllers),
        ("cgroup.subtree_control", ""),
        ("cgroup.type", "domain\n"),
        ("cgroup.procs", &me),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// The group for the place itself. A kernel makes its files.
fn inside(base: &Path) {
    fs::create_dir(base.join(OWN)).unwrap();
    fs::write(base.join(OWN).join("cgroup.procs"), "").unwrap();
}

fn take_over(own: &Path) -> Result<Cgroups, String> {
    Cgroups::take_over_at(own, Path::new("/var/lib/waybook/lab"), CONFIG)
}

#[test]
fn a_place_takes_its_group_over_and_binds_what_is_below() {
    let folder = group("cpuset cpu io memory pids\n");
    let own = folder.path().join(OWN);
    inside(folder.path());
    let groups = take_over(folder.path()).unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    assert_eq!(read(own.join("cgroup.procs")), "0");
    let enabled = folder.path().join("cgroup.subtree_control");
    assert_eq!(read(enabled.clone()), "+cpu +memory +pids");

    let one = groups.group(7).unwrap();
    assert!(one.path().starts_with(folder.path()));
    let name = one.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        name.starts_with("waybook-") && name.ends_with("-7"),
        "{name}"
    );
    fs::write(one.path().join("cpu.stat"), "throttled_usec 250\n").unwrap();
    assert_eq!(groups.counters().throttled, 250);
    let path = one.path().to_owned();
    drop(one);
    assert_eq!(groups.counters().throttled, 250);
    // A kernel's files go with the group.
    fs::remove_dir_all(path).unwrap();

    // Started anew from where it was, it finds the same, and does it once.
    fs::write(&enabled, "cpu memory pids\n").unwrap();
    let again = take_over(&own).unwrap();
    assert_eq!(again.base, folder.path());
    assert_eq!(read(enabled), "cpu memory pids\n");
}

#[test]
fn what_stands_in_the_way_is_said() {
    let folder = group("hugetlb\n");
    let why = take_over(folder.path()).unwrap_err();
    assert!(
        why.contains("[\"cpu\", \"memory\"]") && why.contains("Delegate="),
        "{why}"
    );

    let folder = group("cpu memory\n");
    let members = format!("1\n{}\n", std::process::id());
    fs::write(folder.path().join("cgroup.procs"), members).unwrap();
    let why = take_over(folder.path()).unwrap_err();
    assert!(why.contains("other processes are in the group"), "{why}");
    assert!(!folder.path().join(OWN).exists());

    let why = refusal(Path::new("/x"), &io::ErrorKind::ReadOnlyFilesystem.into());
    assert!(why.contains("ProtectControlGroups=no"), "{why}");
}

#[test]
fn groups_of_an_earlier_life_go_and_those_of_others_stay() {
    let folder = group("cpu memory pids\n");
    inside(folder.path());
    let groups = take_over(folder.path()).unwrap();
    let left = folder.path().join(format!("{}3", groups.prefix));
    fs::create_dir_all(left.join("below")).unwrap();
    let others = folder.path().join("waybook-0000000000000000-3");
    fs::create_dir(&others).unwrap();
    take_over(folder.path()).unwrap();
    assert!(!left.exists());
    assert!(others.exists());
}
