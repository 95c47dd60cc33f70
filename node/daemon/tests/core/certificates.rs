//! Certificates that change while places run: renewed, revoked, of a new authority, from elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use waybook_daemon::RunningDaemon;
use waybook_daemon::config::{DaemonConfig, IdentityPaths};
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY, Identity, Which};

use waybook_daemon::Existing::{Keep, Replace};

use crate::tree::{Forest, eventually, joined, name, start, until};

fn identity(forest: &Forest, place: &str) -> PathBuf {
    forest.data_dir(place).join("identity")
}

/// A place that looks often at its files.
async fn quick(forest: &Forest, place: &str, parent: Option<&RunningDaemon>) -> RunningDaemon {
    forest.plant(place);
    let parent = parent.map(|p| p.addresses().quic.to_string());
    start(often(forest.config(place, parent))).await.unwrap()
}

fn often(mut config: DaemonConfig) -> DaemonConfig {
    config.identity.check = Duration::from_millis(100);
    config
}

fn problem(daemon: &RunningDaemon) -> String {
    daemon
        .core()
        .certificates
        .status()
        .problem
        .unwrap_or_default()
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_nobody_is_cut_off() {
    let forest = Forest::new();
    let core = quick(&forest, "core", None).await;
    let a = quick(&forest, "core/a", Some(&core)).await;
    joined(&core, &a).await;
    let before = core.core().certificates.status().not_after;
    let key = std::fs::read(identity(&forest, "core").join("place.key")).unwrap();
    forest
        .authority
        .renew(
            &name("core"),
            &identity(&forest, "core"),
            DEFAULT_VALIDITY / 2,
        )
        .unwrap();
    eventually(async || core.core().certificates.status().not_after < before).await;
    assert_eq!(problem(&core), "");
    // Nobody asked for it, and still it is written down.
    let log = forest.data_dir("core").join("audit/audit.jsonl");
    eventually(async || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("identity.certificate: ") && log.contains("\"system\"")
    })
    .await;
    // It has the key that it had, and whoever is connected remains so.
    let same = std::fs::read(identity(&forest, "core").join("place.key")).unwrap();
    assert_eq!(same, key);
    let b = quick(&forest, "core/b", Some(&core)).await;
    joined(&core, &b).await;
    assert_eq!(core.links().counters().connections, 2);
}

#[tokio::test]
async fn a_pair_that_does_not_fit_changes_nothing() {
    let forest = Forest::new();
    let core = quick(&forest, "core", None).await;
    let folder = identity(&forest, "core");
    let other = forest.folder.path().join("other");
    forest
        .authority
        .issue(&name("core"), &other, DEFAULT_VALIDITY / 2, Keep)
        .unwrap();
    let before = core.core().certificates.status().not_after;
    // Half of a new pair, and then what is none at all.
    std::fs::copy(other.join("place.crt"), folder.join("place.crt")).unwrap();
    eventually(async || problem(&core).contains("place.key: does not belong to")).await;
    std::fs::write(folder.join("place.crt"), "-----BEGIN CERT").unwrap();
    eventually(async || problem(&core).contains("place.crt: ")).await;
    assert_eq!(core.core().certificates.status().not_after, before);
    let a = quick(&forest, "core/a", Some(&core)).await;
    joined(&core, &a).await;
    // The other half.
    std::fs::copy(other.join("place.crt"), folder.join("place.crt")).unwrap();
    std::fs::copy(other.join("place.key"), folder.join("place.key")).unwrap();
    eventually(async || core.core().certificates.status().not_after < before).await;
    assert_eq!(problem(&core), "");
    let b = quick(&forest, "core/b", Some(&core)).await;
    joined(&core, &b).await;
    assert_eq!(core.links().counters().connections, 2);
}

#[tokio::test]
async fn a_revoked_child_is_cut_off_until_it_has_a_new_certificate() {
    let forest = Forest::new();
    let core = quick(&forest, "core", None).await;
    let a = quick(&forest, "core/a", Some(&core)).await;
    let b = quick(&forest, "core/b", Some(&core)).await;
    joined(&core, &a).await;
    joined(&core, &b).await;
    let revocation = forest.authority.revoke(&Which::Place(name("core/a")));
    let revocation = revocation.unwrap();
    assert_eq!((revocation.added, revocation.all), (1, 1));
    let list = identity(&forest, "core").join("revoked.crl");
    std::fs::copy(&revocation.list, &list).unwrap();
    until(&core, |connected| !connected.contains_key(&name("core/a"))).await;
    let mut trouble = a.links().trouble();
    let refused = |why: &Option<String>| {
        let why = why.as_deref().unwrap_or_default();
        why.contains("the other end refuses") && why.contains("`core/a` has been revoked")
    };
    let waited = tokio::time::timeout(crate::tree::PATIENCE, trouble.wait_for(refused)).await;
    waited.expect("the child hears why").unwrap();
    eventually(async || core.links().counters().refused > 0).await;
    // Nor would a place start with it that knows.
    let own = IdentityPaths::in_folder(&identity(&forest, "core/a"));
    let knowing = IdentityPaths {
        revoked: Some(list.clone()),
        ..own
    };
    let now = SystemTime::now();
    let error = Identity::load(&knowing, &name("core/a"), now).unwrap_err();
    assert!(error.to_string().contains("has been revoked"), "{error}");
    // Nobody else has lost anything.
    joined(&core, &b).await;
    assert_eq!(core.links().neighbours()[&name("core/b")].connections, 1);
    // A list that has gone revokes as before.
    std::fs::remove_file(&list).unwrap();
    eventually(async || problem(&core).contains("revoked.crl: is gone")).await;
    assert!(
        !core
            .links()
            .connected()
            .borrow()
            .contains_key(&name("core/a"))
    );
    std::fs::copy(&revocation.list, &list).unwrap();
    // The key is not certified again; a new one is.
    let folder = identity(&forest, "core/a");
    let again = forest
        .authority
        .renew(&name("core/a"), &folder, DEFAULT_VALIDITY);
    let again = again.unwrap_err().to_string();
    assert!(again.contains("is revoked"), "{again}");
    forest
        .authority
        .issue(&name("core/a"), &folder, DEFAULT_VALIDITY, Replace)
        .unwrap();
    joined(&core, &a).await;
}

/// Both authorities are trusted for a while, and then the new one alone.
#[tokio::test]
async fn an_authority_is_replaced_while_places_run() {
    let forest = Forest::new();
    let core = quick(&forest, "core", None).await;
    let a = quick(&forest, "core/a", Some(&core)).await;
    joined(&core, &a).await;
    let path = forest.folder.path().join("new");
    let new = Authority::create(&path, "new", DEFAULT_VALIDITY, Keep).unwrap();
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let new_root = read(path.join("authority.crt"));
    let old_root = read(identity(&forest, "core").join("authority.crt"));
    let trust = |place: &str, roots: &str| {
        std::fs::write(identity(&forest, place).join("authority.crt"), roots).unwrap();
    };
    let both = format!("{old_root}{new_root}");
    for place in ["core", "core/a"] {
        trust(place, &both);
        new.renew(
            &name(place),
            &identity(&forest, place),
            DEFAULT_VALIDITY / 2,
        )
        .unwrap();
    }
    let soon = SystemTime::now() + DEFAULT_VALIDITY * 3 / 4;
    for daemon in [&core, &a] {
        eventually(async || daemon.core().certificates.status().not_after < soon).await;
        assert_eq!(problem(daemon), "");
    }
    // One that trusts the new one alone sees a certificate of it.
    let b = forest.data_dir("core/b");
    forest.plant_from(&new, "core/b", &b);
    let b = quick(&forest, "core/b", Some(&core)).await;
    joined(&core, &b).await;
    assert_eq!(core.links().counters().connections, 2);
    // Whoever shows none of the new one by then is cut off; it dials again, and shows one.
    trust("core", &new_root);
    eventually(async || core.links().counters().connections > 2).await;
    joined(&core, &a).await;
    joined(&core, &b).await;
    assert_eq!(core.links().neighbours()[&name("core/b")].connections, 1);
}

/// The commands of docs/OPERATING.md, in their order.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATING.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("### With openssl").nth(1).unwrap();
    let section = section.split("\n### ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

fn shell(folder: &Path, commands: &str) {
    let mut shell = Command::new("sh");
    let done = shell.current_dir(folder).args(["-eu", "-c", commands]);
    let done = done.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{commands}\n{said}");
}

#[tokio::test]
async fn certificates_that_openssl_makes_are_as_good() {
    let found = Command::new("openssl").arg("version").output();
    if found.is_err() {
        assert!(
            std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
            "WAYBOOK_REQUIRE_ALL is set, and there is no openssl"
        );
        eprintln!("SKIPPED: there is no openssl");
        return;
    }
    let forest = Forest::new();
    let folder = forest.folder.path().join("made");
    std::fs::create_dir(&folder).unwrap();
    let [make, revoke] = &commands()[..] else {
        panic!("docs/OPERATING.md makes a tree, and revokes a place");
    };
    shell(&folder, make);
    let begin = async |place: &str, files: &str, parent: Option<&RunningDaemon>| {
        let parent = parent.map(|p| p.addresses().quic.to_string());
        let mut config = forest.config(place, parent);
        config.identity = IdentityPaths::in_folder(&folder.join(files));
        start(often(config)).await.unwrap()
    };
    let core = begin("core", "core", None).await;
    let bologna = begin("core/bologna", "bologna", Some(&core)).await;
    let lab = begin("core/bologna/lab", "lab", Some(&bologna)).await;
    joined(&core, &bologna).await;
    joined(&bologna, &lab).await;
    shell(&folder, revoke);
    until(&bologna, |connected| {
        !connected.contains_key(&name("core/bologna/lab"))
    })
    .await;
    assert_eq!(problem(&bologna), "");
    joined(&core, &bologna).await;
    // What it may not certify, the authority of a locality does not.
    let wrong = "NAME=rome.core; export NAME\n\
        openssl req -new -config tree.cnf -key lab/place.key -subj /CN=rome -out rome.csr\n\
        openssl x509 -req -in rome.csr -CA bologna-ca.crt -CAkey bologna-ca.key -CAcreateserial \
        -days 1 -extfile tree.cnf -extensions place -out lab/place.crt\n\
        cat bologna-ca.crt >> lab/place.crt";
    shell(&folder, wrong);
    let paths = IdentityPaths::in_folder(&folder.join("lab"));
    let now = SystemTime::now();
    let error = Identity::load(&paths, &name("core/rome"), now);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("is not acceptable") && error.contains("NameConstraint"),
        "{error}"
    );
    // Nor is a certificate for web servers alone enough.
    let wrong = "NAME=lab.bologna.core; export NAME\n\
        sed 's/serverAuth, clientAuth/serverAuth/' tree.cnf > half.cnf\n\
        openssl x509 -req -in lab.csr -CA bologna-ca.crt -CAkey bologna-ca.key -CAcreateserial \
        -days 1 -extfile half.cnf -extensions place -out lab/place.crt\n\
        cat bologna-ca.crt >> lab/place.crt";
    shell(&folder, wrong);
    // It is valid from the second on in which it was made.
    let now = SystemTime::now();
    let error = Identity::load(&paths, &name("core/bologna/lab"), now);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("serverAuth and clientAuth"), "{error}");
}
