//! A control API that encrypts, as its clients see it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::session::Tree;
use crate::{code, err, out, run, waybook};

fn data(home: &Path) -> PathBuf {
    home.join(".waybook/places/core")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where the control API of the root is, `host:port`.
fn address(home: &Path) -> String {
    let runtime: Value = serde_json::from_str(&read(&data(home).join("runtime.json"))).unwrap();
    runtime["api"].as_str().unwrap().to_owned()
}

/// The root comes up anew with these lines in its configuration.
fn restart_with(home: &Path, lines: &str) {
    let file = home.join(".waybook/places/core.toml");
    let before = read(&file);
    let before = before.split("\n[api.tls]").next().unwrap();
    std::fs::write(&file, format!("{before}\n[api.tls]\n{lines}")).unwrap();
    let done = run(home, &["place", "restart", "core"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
}

/// The command of somebody who has an address and a token.
fn by_url(home: &Path, url: &str, ca: Option<&Path>) -> Output {
    let mut command = waybook(home);
    command.args(["tree", "--url", url]);
    if let Some(ca) = ca {
        command.arg("--ca").arg(ca);
    }
    let token = data(home).join("token");
    command.arg("--token-file").arg(token).output().unwrap()
}

fn refused(done: &Output, exit: i32, says: &[&str]) {
    assert_eq!(code(done), exit, "{}", err(done));
    for said in says {
        assert!(err(done).contains(said), "{}", err(done));
    }
}

/// A certificate that the authority of the folder makes with openssl.
fn issue(folder: &Path, name: &str, alternative: &str) {
    let script = format!(
        "set -e; umask 077
         test -f ca.key || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -keyout ca.key -out ca.crt -days 30 -subj '/CN=Ours'
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key -out {name}.csr \
             -subj '/CN={name}'
         echo 'subjectAltName = {alternative}' > {name}.ext
         openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 20 \
             -extfile {name}.ext -out new.crt
         mv new.crt api.crt; mv new.key api.key"
    );
    let made = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .output();
    let made = made.expect("there is a shell");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn curl(home: &Path, arguments: &[&str]) -> Option<Output> {
    let token = read(&data(home).join("token"));
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "-H",
        &format!("Authorization: Bearer {}", token.trim()),
    ]);
    match command.args(arguments).output() {
        Ok(done) => Some(done),
        Err(error) => {
            assert!(
                std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
                "WAYBOOK_REQUIRE_ALL is set, and curl is missing: {error}"
            );
            eprintln!("SKIPPED: what curl says: {error}");
            None
        }
    }
}

#[test]
fn the_api_is_encrypted_with_a_certificate_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let _tree = Tree::up_of(home, &crate::session::config("topology.toml"));
    restart_with(home, "");
    // Whoever has the folder knows the certificate.
    let seen = run(home, &["tree", "--data", &data(home).display().to_string()]);
    assert_eq!(code(&seen), 0, "{}", err(&seen));
    let page = out(&run(home, &["page", "--at", "core"]));
    assert!(page.starts_with("https://"), "{page}");

    let address = address(home);
    let (https, http) = (format!("https://{address}"), format!("http://{address}"));
    let own = data(home).join("api-tls/api.crt");
    let seen = by_url(home, &https, Some(&own));
    assert_eq!(code(&seen), 0, "{}", err(&seen));
    refused(
        &by_url(home, &https, None),
        5,
        &["nobody vouches", "--ca FILE", "api-tls/api.crt"],
    );
    refused(&by_url(home, &http, None), 2, &["use https://"]);
    refused(
        &by_url(home, &http, Some(&own)),
        2,
        &["only shown at `https://`"],
    );
    let key = data(home).join("api-tls/api.key");
    refused(
        &by_url(home, &https, Some(&key)),
        4,
        &["api.key", "no certificate in PEM"],
    );
    let place = format!("{https}/api/v1/place");
    if let Some(done) = curl(home, &["--cacert", &own.display().to_string(), &place]) {
        assert!(out(&done).contains("\"name\":\"core\""), "{}", err(&done));
        let done = curl(home, &[&place]).unwrap();
        assert_eq!(code(&done), 60, "{}", err(&done));
        let done = curl(home, &[&format!("{http}/api/v1/place")]).unwrap();
        assert!(out(&done).contains("use https://"), "{}", out(&done));
    }
    let script = format!(
        "import {{ Waybook }} from '{}/client/js/src/client.js';
         console.log((await new Waybook('{https}', '{}').place()).name)",
        env!("CARGO_MANIFEST_DIR"),
        read(&data(home).join("token")).trim(),
    );
    match Command::new("node")
        .args(["--input-type=module", "-e", &script])
        .env("NODE_EXTRA_CA_CERTS", &own)
        .output()
    {
        Ok(done) => assert_eq!(out(&done), "core\n", "{}", err(&done)),
        Err(error) => {
            assert!(
                std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
                "WAYBOOK_REQUIRE_ALL is set, and Node is missing: {error}"
            );
            eprintln!("SKIPPED: what the JavaScript client does: {error}");
        }
    }

    // It lasts, so that whoever trusts it need not be told again.
    let before = read(&own);
    restart_with(home, "");
    assert_eq!(read(&own), before);
    restart_with(home, "names = [\"core.example\"]\n");
    assert_ne!(read(&own), before);
}

#[test]
fn the_api_takes_up_a_certificate_from_files_while_it_runs() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(
            std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
            "WAYBOOK_REQUIRE_ALL is set, and openssl is missing"
        );
        eprintln!("SKIPPED: certificates from files: openssl is missing");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let _tree = Tree::up_of(home, &crate::session::config("topology.toml"));
    let files = home.join("certificates");
    std::fs::create_dir(&files).unwrap();
    issue(&files, "example", "DNS:core.example");
    let [certificate, key, ca] = ["api.crt", "api.key", "ca.crt"].map(|name| files.join(name));
    let lines = format!("certificate = {certificate:?}\nkey = {key:?}\n");
    restart_with(home, &lines);
    let https = format!("https://{}", address(home));
    let done = by_url(home, &https, Some(&ca));
    refused(&done, 5, &["not for `127.0.0.1`", "[api.tls] names"]);

    // Another one, for the address that it has; half of a pair changes nothing.
    let kept = std::fs::read(&key).unwrap();
    issue(&files, "address", "IP:127.0.0.1");
    let new = std::fs::read(&key).unwrap();
    std::fs::write(&key, kept).unwrap();
    let reload = ["place", "reload", "core"];
    refused(
        &run(home, &reload),
        2,
        &["api.crt", "does not go with the key"],
    );
    refused(
        &by_url(home, &https, Some(&ca)),
        5,
        &["not for `127.0.0.1`"],
    );
    std::fs::write(&key, new).unwrap();
    let done = run(home, &reload);
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(out(&done).contains("api.tls.certificate"), "{}", out(&done));
    let done = by_url(home, &https, Some(&ca));
    assert_eq!(code(&done), 0, "{}", err(&done));
    let log = out(&run(home, &["audit", "--at", "core"]));
    assert!(log.contains("certificate api.tls.certificate: "), "{log}");

    // One of somebody else's.
    let other = home.join("other");
    std::fs::create_dir(&other).unwrap();
    issue(&other, "other", "IP:127.0.0.1");
    let foreign = by_url(home, &https, Some(&other.join("ca.crt")));
    refused(&foreign, 5, &["nobody vouches"]);
}
