//! Certificates: what is issued, and what is refused why.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use waybook_daemon::Existing::{Keep, Replace};
use waybook_daemon::config::IdentityPaths;
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY, Identity};

use crate::tree::name;

fn load(folder: &Path, place: &str) -> Result<Identity, String> {
    load_at(folder, place, SystemTime::now())
}

fn load_at(folder: &Path, place: &str, now: SystemTime) -> Result<Identity, String> {
    let paths = IdentityPaths::in_folder(folder);
    Identity::load(&paths, &name(place), now).map_err(|error| error.to_string())
}

#[test]
fn what_is_issued_loads_and_is_private() {
    let folder = TempDir::new().unwrap();
    let (a, place) = (folder.path().join("authority"), folder.path().join("place"));
    Authority::create(&a, "test", DEFAULT_VALIDITY, Keep).unwrap();
    let authority = Authority::load(&a).unwrap();
    assert_eq!(authority.subtree(), None);
    // A root with a single label must do as well as a long name.
    for named in ["core", "core/bologna/lab-7"] {
        authority
            .issue(&name(named), &place, DEFAULT_VALIDITY, Replace)
            .unwrap();
        let identity = load(&place, named).unwrap();
        assert_eq!(identity.name().as_str(), named);
        assert!(identity.not_after() > SystemTime::now());
    }
    for (path, mode) in [
        (a.clone(), 0o700),
        (a.join("authority.key"), 0o600),
        (place.clone(), 0o700),
        (place.join("place.key"), 0o600),
    ] {
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, mode, "{path:?}");
    }
    // Nothing is replaced unless that is asked for.
    let before = std::fs::read(place.join("place.crt")).unwrap();
    let error = authority
        .issue(&name("core"), &place, DEFAULT_VALIDITY, Keep)
        .unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    assert_eq!(std::fs::read(place.join("place.crt")).unwrap(), before);
    assert!(Authority::create(&a, "test", DEFAULT_VALIDITY, Keep).is_err());
}

#[test]
fn every_wrong_identity_says_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let at = |n: &str| folder.path().join(n);
    let authority = Authority::create(&at("a"), "test", DEFAULT_VALIDITY, Keep).unwrap();
    let other = Authority::create(&at("b"), "test", DEFAULT_VALIDITY, Keep).unwrap();
    let fresh = |authority: &Authority| {
        let validity = Duration::from_secs(24 * 3600);
        let place = at("p");
        authority
            .issue(&name("core/a"), &place, validity, Replace)
            .unwrap();
        place
    };
    let check = |result: Result<Identity, String>, file: &str, wanted: &str| {
        let error = result.err().unwrap();
        assert!(error.contains(file) && error.contains(wanted), "{error}");
    };

    let p = fresh(&authority);
    check(
        load(&p, "core/b"),
        "place.crt",
        "is the certificate of `core/a`",
    );
    let later = SystemTime::now() + Duration::from_secs(2 * 24 * 3600);
    check(load_at(&p, "core/a", later), "place.crt", "was valid until");
    let earlier = SystemTime::now() - Duration::from_secs(2 * 24 * 3600);
    check(load_at(&p, "core/a", earlier), "place.crt", "is the clock");
    std::fs::copy(at("b").join("authority.crt"), p.join("authority.crt")).unwrap();
    check(
        load(&p, "core/a"),
        "place.crt",
        "was not issued by the authority",
    );
    let p = fresh(&authority);
    std::fs::copy(at("b").join("authority.key"), p.join("place.key")).unwrap();
    check(load(&p, "core/a"), "place.key", "does not belong to");
    for file in ["place.key", "place.crt", "authority.crt"] {
        let p = fresh(&other);
        std::fs::remove_file(p.join(file)).unwrap();
        check(load(&p, "core/a"), file, "is missing");
        let p = fresh(&other);
        std::fs::write(p.join(file), "nonsense").unwrap();
        check(load(&p, "core/a"), file, "PEM");
    }
    let error = authority.issue(&name("42/a"), &at("q"), DEFAULT_VALIDITY, Keep);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("digits only"), "{error}");
    std::fs::copy(p.join("place.crt"), at("b").join("authority.crt")).unwrap();
    assert!(Authority::load(&at("b")).is_err());
}

#[test]
fn an_authority_of_a_locality_certifies_that_locality_alone() {
    let folder = TempDir::new().unwrap();
    let at = |n: &str| folder.path().join(n);
    let root = Authority::create(&at("root"), "test", DEFAULT_VALIDITY, Keep).unwrap();
    let bologna = name("core/bologna");
    root.issue_intermediate(&bologna, &at("sub"), DEFAULT_VALIDITY, Keep)
        .unwrap();
    let sub = Authority::load(&at("sub")).unwrap();
    assert_eq!(sub.subtree(), Some(&bologna));
    for (place, folder) in [("core/bologna/lab", "lab"), ("core/bologna/a/b", "deep")] {
        sub.issue(&name(place), &at(folder), DEFAULT_VALIDITY, Keep)
            .unwrap();
        load(&at(folder), place).unwrap();
    }
    let below = sub
        .issue_intermediate(
            &name("core/bologna/a"),
            &at("below"),
            DEFAULT_VALIDITY,
            Keep,
        )
        .unwrap();
    below
        .issue(&name("core/bologna/a/c"), &at("c"), DEFAULT_VALIDITY, Keep)
        .unwrap();
    load(&at("c"), "core/bologna/a/c").unwrap();
    for foreign in ["core/parma/lab", "core", "core/bologna-x", "bologna/core"] {
        let error = sub.issue(&name(foreign), &at("f"), DEFAULT_VALIDITY, Keep);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("may certify `core/bologna`"), "{error}");
    }
    // Even if the authority itself does not keep to its limit, nobody believes it: with
    // the constraint cut out of what it knows of itself it would sign anything.
    for foreign in ["core/parma/lab", "core", "core/bologna-x"] {
        let forged = at(&format!("forged-{}", foreign.replace('/', ".")));
        forge(&at("sub"), foreign, &forged);
        let error = load(&forged, foreign).err().unwrap();
        assert!(error.contains("is not acceptable"), "{error}");
    }
}

/// Signs a certificate with an authority's key, whatever its limits are.
fn forge(authority: &Path, place: &str, folder: &Path) {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
    let read = |file: &str| std::fs::read_to_string(authority.join(file)).unwrap();
    let chain = read("chain.crt");
    let key = KeyPair::from_pem(&read("authority.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&chain, key).unwrap();
    let mut params = CertificateParams::new([name(place).dns_name()]).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("place.crt"), certificate.pem() + &chain).unwrap();
    std::fs::write(folder.join("place.key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("authority.crt"), read("authority.crt")).unwrap();
}
