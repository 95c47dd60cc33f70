//! A new machine joins with a token from its parent, as its operator sees it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::operators::rewrite;
use crate::session::{Running, Tree, config, get, wait_until};
use crate::{code, err, out, run, waybook};

const PARENT: &str = "core/bologna";
const NEW: &str = "core/bologna/lab2";

/// The demo's tree, where `core/bologna` may let others join.
fn tree(home: &Path) -> Tree {
    let ca = home.join(".waybook/ca").display().to_string();
    done(&run(home, &["ca", "init", "--ca", &ca]));
    let issue = [
        "ca",
        "issue",
        PARENT,
        "--authority",
        "--out",
        "bologna-ca",
        "--ca",
        &ca,
    ];
    done(&run(home, &issue));
    let demo = std::fs::read_to_string(config("topology.toml")).unwrap();
    let film = format!("\"{}\"", config("film"));
    let demo = demo
        .replace("\"film\"", &film)
        .replace("[defaults]\n", "[defaults]\ncode.unsigned = true\n")
        .replace(
            "name = \"core/bologna\"\n",
            "name = \"core/bologna\"\njoin.authority = \"bologna-ca\"\njoin.attempts = 1000\n",
        );
    let file = home.join("topology.toml");
    std::fs::write(&file, demo).unwrap();
    Tree::up_of(home, &file.display().to_string())
}

fn done(output: &Output) -> String {
    assert_eq!(code(output), 0, "{}", err(output));
    out(output)
}

/// Invites, and gives the token.
fn invite(tree: &Tree, more: &[&str]) -> String {
    let invited = tree.json(&[&["place", "invite", NEW], more].concat());
    invited["token"].as_str().unwrap().to_owned()
}

fn invitations(tree: &Tree) -> Vec<Value> {
    let all = tree.json(&["place", "invites", PARENT]);
    all.as_array().unwrap().clone()
}

/// What whoever cannot join is told, and with which code; it has become nothing.
fn refused(home: &Path, token: &str, folder: &str) -> (i32, String) {
    let file = format!("{folder}.toml");
    let joined = run(home, &["join", token, "--data", folder, "--config", &file]);
    assert_ne!(code(&joined), 0, "{}", out(&joined));
    assert!(!home.join(&file).exists());
    assert!(!home.join(folder).join("identity").exists());
    (code(&joined), err(&joined))
}

#[test]
fn a_machine_joins_and_a_film_plays_there() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let tree = tree(home);
    for name in ["cap-quality", "watermark"] {
        let folder = format!("{}/components/{name}", env!("CARGO_MANIFEST_DIR"));
        tree.json(&["component", "add", &folder, "--at", "core"]);
    }
    tree.json(&["publish", &config("film.toml")]);
    let token = invite(&tree, &[]);
    // What is kept of the invitation does not tell the token.
    let kept = home.join(".waybook/places/core.bologna/invitations.json");
    let kept = std::fs::read_to_string(kept).unwrap();
    let body = BASE64URL_NOPAD.decode(&token.as_bytes()[5..]).unwrap();
    let secret = data_encoding::HEXLOWER.encode(&body[36..52]);
    assert!(kept.contains(NEW) && !kept.contains(&secret), "{kept}");

    // It is still invited when the parent comes back.
    done(&run(home, &["place", "restart", PARENT]));
    let edge = [
        "--set",
        "capacity.down=10 Mbit/s",
        "--set",
        "capacity.up=10 Mbit/s",
    ];
    let other = [
        "--set",
        "capacity.memory=1 GiB",
        "--set",
        "code.unsigned=true",
    ];
    let join = [&["join", &token][..], &edge, &other].concat();
    let said = done(&run(home, &join));
    assert!(
        said.contains("waybook place run --config lab2.toml"),
        "{said}"
    );

    // The answer was lost: the same machine asks again, and gets the same.
    let identity = home.join("lab2-data/identity");
    let read = |file: &str| std::fs::read_to_string(identity.join(file)).unwrap();
    let first = read("place.crt");
    let waiting = home.join("lab2-data/identity.joining");
    std::fs::rename(&identity, &waiting).unwrap();
    std::fs::remove_file(waiting.join("place.crt")).unwrap();
    done(&run(home, &join));
    assert_eq!(read("place.crt"), first);
    // Once more there is nothing left to do, and nothing is replaced.
    let again = run(home, &join);
    assert_eq!(code(&again), 1);
    assert!(err(&again).contains("not replaced"), "{}", err(&again));
    // Another machine is too late.
    let (exit, why) = refused(home, &token, "other");
    assert_eq!(exit, 5);
    assert!(why.contains("has been used already"), "{why}");

    let mut running = waybook(home);
    running.args(["place", "run", "--config", "lab2.toml"]);
    let _running = Running(running.stderr(Stdio::null()).spawn().unwrap());
    wait_until("the tree shows the new place", || {
        let places = tree.json(&["tree"]);
        places.as_array().unwrap().iter().any(|p| p["place"] == NEW)
    });
    // Its parent, which was restarted, grants something only when it knows what it has promised.
    done(&run(home, &["place", "wait", PARENT]));
    let opened = tree.json(&["open", "film", "--at", NEW, "--detach"]);
    let base = opened["data"]["urls"]["path"].as_str().unwrap();
    let quality = opened["data"]["quality"].as_str().unwrap();
    let (status, playlist) = get(&format!("{base}{quality}/index.m3u8"));
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(playlist.contains("#EXTM3U"), "{playlist}");
    // It is known what was issued, so that it can be revoked.
    let revoke = ["ca", "revoke", NEW, "--ca", "bologna-ca", "--json"];
    let revoked: Value = serde_json::from_str(&done(&run(home, &revoke))).unwrap();
    assert_eq!(revoked["added"], 1);
}

#[test]
fn who_comes_with_a_wrong_token_is_told_what_is_wrong_with_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let tree = tree(home);

    // Nobody is invited, so nobody is listened to.
    let token = invite(&tree, &["--valid", "1 s"]);
    wait_until("the invitation is over", || {
        !invitations(&tree)[0]["open"].as_bool().unwrap()
    });
    let (exit, why) = refused(home, &token, "late");
    assert_eq!(exit, 5);
    assert!(why.contains("is over since"), "{why}");

    let token = invite(&tree, &[]);
    let id = invitations(&tree)[0]["id"].as_str().unwrap().to_owned();
    tree.json(&["place", "invites", PARENT, "--revoke", &id]);
    let (exit, why) = refused(home, &token, "revoked");
    assert_eq!(exit, 5);
    assert!(why.contains("was revoked"), "{why}");

    // Forged, with all that can be known about it right.
    let token = invite(&tree, &[]);
    let mut forged = BASE64URL_NOPAD.decode(&token.as_bytes()[5..]).unwrap();
    forged[36] ^= 1;
    let check = blake3::derive_key("waybook 1 token check", &forged[4..]);
    forged[..4].copy_from_slice(&check[..4]);
    let forged = format!("wbj1-{}", BASE64URL_NOPAD.encode(&forged));
    let (exit, why) = refused(home, &forged, "forged");
    assert_eq!(exit, 5);
    assert!(why.contains("no invitation with this token"), "{why}");

    let (exit, why) = refused(home, &token[..token.len() - 2], "cut");
    assert_eq!(exit, 2);
    assert!(why.contains("not complete"), "{why}");

    // Of two that come at once with it, one gets it.
    let join = |folder: &str| {
        let file = format!("{folder}.toml");
        let mut join = waybook(home);
        join.args(["join", &token, "--data", folder, "--config", &file]);
        join.stdout(Stdio::null()).stderr(Stdio::piped());
        join.spawn().unwrap()
    };
    let both = [join("one"), join("two")];
    let both = both.map(|join| join.wait_with_output().unwrap());
    let mut codes = both.each_ref().map(code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 5], "{both:?}");

    // Only right below the place, only by its operator, and only with an authority.
    let wrong = run(home, &["place", "invite", "core/milano/x"]);
    assert_eq!(code(&wrong), 1);
    let why = err(&wrong);
    assert!(
        why.contains("has no authority") && why.contains("[join]"),
        "{why}"
    );
    // Given one, it needs no restart; nor when it is to certify nobody any more.
    let (milano, folder) = ("core/milano", home.join("milano-ca").display().to_string());
    let ca = home.join(".waybook/ca").display().to_string();
    let issue = [
        "ca",
        "issue",
        milano,
        "--authority",
        "--out",
        &folder,
        "--ca",
        &ca,
    ];
    done(&run(home, &issue));
    let join = format!("[join]\nauthority = \"{folder}\"\n");
    rewrite(home, milano, "[capacity]\n", &format!("{join}[capacity]\n"));
    let read = tree.json(&["place", "reload", milano]);
    assert_eq!(read["changed"][0]["setting"], "join.authority", "{read}");
    assert_eq!(read["restart"], json!([]));
    let invited = tree.json(&["place", "invite", "core/milano/x"]);
    let token = invited["token"].as_str().unwrap();
    assert_eq!(
        code(&run(
            home,
            &["join", token, "--data", "x", "--config", "x.toml"]
        )),
        0
    );
    rewrite(home, milano, &join, "");
    done(&run(home, &["place", "reload", milano]));
    let wrong = run(home, &["place", "invite", "core/milano/y"]);
    assert!(err(&wrong).contains("has no authority"), "{}", err(&wrong));
    let lab = home.join(".waybook/places/core.bologna.lab");
    let lab = lab.display().to_string();
    let wrong = run(home, &["place", "invite", NEW, "--data", &lab]);
    assert_eq!(code(&wrong), 5, "{}", err(&wrong));

    tree.json(&["down"]);
    let (exit, why) = refused(home, token, "nobody");
    assert_eq!(exit, 4);
    assert!(why.contains("cannot be reached"), "{why}");
}

/// Answers as a parent would, as the place with that identity, and keeps what it is told.
fn imposter(identity: &Path, told: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_file_iter(identity.join("place.crt")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(identity.join("place.key")).unwrap();
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    server.alpn_protocols = vec![b"waybook-join/1".to_vec()];
    let server = quinn::crypto::rustls::QuicServerConfig::try_from(server).unwrap();
    let server = quinn::ServerConfig::with_crypto(Arc::new(server));
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let here = "127.0.0.1:0".parse().unwrap();
            let endpoint = quinn::Endpoint::server(server, here).unwrap();
            tell.send(endpoint.local_addr().unwrap()).unwrap();
            while let Some(incoming) = endpoint.accept().await {
                let what = match incoming.await {
                    Err(error) => format!("no connection: {error}"),
                    Ok(connection) => match connection.accept_bi().await {
                        Err(error) => format!("no stream: {error}"),
                        Ok((_, mut stream)) => {
                            let heard = stream.read_to_end(1 << 20).await.unwrap_or_default();
                            format!("told {}", String::from_utf8_lossy(&heard))
                        }
                    },
                };
                told.lock().unwrap().push(what);
            }
        });
    });
    address.recv().unwrap()
}

#[test]
fn somebody_in_the_middle_gets_neither_the_secret_nor_the_place() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let tree = tree(home);
    // Another place of the same tree, so that its certificate is a good one.
    let other = home.join(".waybook/places/core.milano/identity");
    let told = Arc::<Mutex<Vec<String>>>::default();
    let middle = imposter(&other, told.clone()).to_string();
    let token = invite(&tree, &["--address", &middle]);
    let (exit, why) = refused(home, &token, "caught");
    assert_eq!(exit, 5);
    assert!(
        why.contains("has another key than the one in the token"),
        "{why}"
    );
    wait_until("the imposter has seen it leave", || {
        !told.lock().unwrap().is_empty()
    });
    let told = told.lock().unwrap();
    assert!(
        told.iter().all(|told| told.starts_with("no connection")),
        "{told:?}"
    );
    // The place has been given to nobody.
    let open = invitations(&tree).iter().all(|one| one["open"] == true);
    assert!(open, "{:?}", invitations(&tree));
    // With the parent's real address beside it, whoever is in the middle is passed by.
    let runtime = home.join(".waybook/places/core.bologna/runtime.json");
    let runtime = std::fs::read_to_string(runtime).unwrap();
    let runtime: Value = serde_json::from_str(&runtime).unwrap();
    let real = runtime["quic"].as_str().unwrap();
    let token = invite(&tree, &["--address", &middle, "--address", real]);
    let join = ["join", &token, "--data", "good", "--config", "good.toml"];
    done(&run(home, &join));
}
