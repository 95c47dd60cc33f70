//! What publishers sign, and that nothing else passes for it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use semver::{Version, VersionReq};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, PublisherKey, Release, SigningKey};

/// The private key with this seed, as RFC 8410 writes it.
fn key(seed: [u8; 32]) -> SigningKey {
    let mut document = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    document.extend(seed);
    SigningKey::from_pkcs8(&document).unwrap()
}

fn release() -> Release {
    Release {
        name: "cap-quality".into(),
        version: Version::new(1, 2, 0),
        description: "Holds the quality\ndown".into(),
        runtime: "wasi:http/middleware@0.3.0".into(),
        requires: vec!["gpu".into()],
        dependencies: [("cap-log".into(), VersionReq::parse("^1").unwrap())].into(),
        digest: Digest([0xd1; 32]),
        length: 60_123,
        root: [0xb3; 32],
        home: PlaceName::new("core/lab").unwrap(),
        signature: None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Signatures outlive versions of Waybook: if this fails, the statement has changed, and
/// needs another first line.
#[test]
fn statement_and_signature_stay_as_they_are() {
    let mut release = release();
    let (d1, b3) = ("d1".repeat(32), "b3".repeat(32));
    assert_eq!(
        String::from_utf8(release.statement()).unwrap(),
        format!(
            "waybook release 1\nname 11 cap-quality\nversion 5 1.2.0\n\
             description 22 Holds the quality\ndown\nruntime 26 wasi:http/middleware@0.3.0\n\
             requires 1\n3 gpu\ndependencies 1\n7 cap-log 2 ^1\ndigest sha256:{d1}\n\
             length 60123\nroot {b3}\n"
        )
    );
    // The first key of RFC 8032, section 7.1.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let seed = std::array::from_fn(|i| u8::from_str_radix(&seed[2 * i..2 * i + 2], 16).unwrap());
    let key = key(seed);
    let public = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(key.publisher().to_string(), public);
    release.sign(&key);
    assert_eq!(release.publisher(), Some(&key.publisher().0));
    assert_eq!(
        hex(&release.signature.unwrap().bytes),
        "ec88a38e713121250ab450f6f0c69f346531f77f3e9bd637fc235a9a0cee401d\
         d55f467d9cac68bd6a0b2920cee5211647796df4e288fe29153f0eb8a466960f"
    );
}

#[test]
fn a_change_to_any_field_but_the_home_makes_the_signature_wrong() {
    let mut signed = release();
    assert!(signed.publisher().is_none());
    let error = signed.verify_signature().unwrap_err().to_string();
    assert_eq!(error, "`cap-quality@1.2.0` is not signed");
    signed.sign(&key([7; 32]));
    signed.check().unwrap();
    signed.verify_signature().unwrap();

    let mut moved = signed.clone();
    moved.home = PlaceName::new("core/other").unwrap();
    moved.verify_signature().unwrap();

    type Change = fn(&mut Release);
    let changes: [(&str, Change); 13] = [
        ("name", |r| r.name.push('s')),
        ("version", |r| r.version.patch += 1),
        ("description", |r| r.description.clear()),
        ("runtime", |r| r.runtime.push('1')),
        ("requires", |r| r.requires.clear()),
        ("requires", |r| r.requires.push("av1".into())),
        ("dependencies", |r| r.dependencies.clear()),
        ("dependencies", |r| {
            r.dependencies.insert("cap-log".into(), VersionReq::STAR);
        }),
        ("digest", |r| r.digest.0[31] ^= 1),
        ("length", |r| r.length += 1),
        ("root", |r| r.root[0] ^= 1),
        ("key", |r| {
            r.signature.as_mut().unwrap().key = key([8; 32]).publisher().0;
        }),
        ("bytes", |r| r.signature.as_mut().unwrap().bytes[63] ^= 1),
    ];
    for (field, change) in changes {
        let mut changed = signed.clone();
        change(&mut changed);
        let error = changed.verify_signature().expect_err(field).to_string();
        assert!(error.contains("ed25519:"), "{field}: {error}");
    }
    signed.signature.as_mut().unwrap().bytes.clear();
    signed.verify_signature().unwrap_err();
}

#[test]
fn a_new_key_signs_and_is_written_as_it_is_read() {
    let random = ring::rand::SystemRandom::new();
    let document = SigningKey::generate(&random).unwrap();
    let key = SigningKey::from_pkcs8(&document).unwrap();
    let mut release = release();
    release.sign(&key);
    release.verify_signature().unwrap();

    let public = key.publisher();
    assert_eq!(public.to_string().parse(), Ok(public));
    assert!(format!("{key:?}").contains(&public.to_string()));
    SigningKey::from_pkcs8(&document[1..]).unwrap_err();
    for bad in [
        "",
        "ed25519:",
        "ed25519:00",
        &"0".repeat(64),
        &format!("ed25519:{}", "é".repeat(32)),
    ] {
        let error = bad.parse::<PublisherKey>().unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
    }
}

/// What is left of a statement while it is read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn expect(&mut self, text: &str) {
        self.0 = self.0.strip_prefix(text.as_bytes()).expect(text);
    }

    /// Up to that character, which is passed.
    fn until(&mut self, end: u8) -> &'a str {
        let at = self.0.iter().position(|b| *b == end).unwrap();
        let (text, rest) = self.0.split_at(at);
        self.0 = &rest[1..];
        std::str::from_utf8(text).unwrap()
    }

    fn counted(&mut self) -> String {
        let length = self.until(b' ').parse().unwrap();
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn field(&mut self, name: &str) -> String {
        self.expect(name);
        self.expect(" ");
        let text = self.counted();
        self.expect("\n");
        text
    }

    fn line(&mut self, name: &str) -> &'a str {
        self.expect(name);
        self.expect(" ");
        self.until(b'\n')
    }
}

/// The release that a statement tells of. That there is such a function is what shows
/// that no two releases have one statement.
fn read(statement: &[u8], home: PlaceName) -> Release {
    let mut reader = Reader(statement);
    reader.expect("waybook release 1\n");
    let name = reader.field("name");
    let version = Version::parse(&reader.field("version")).unwrap();
    let description = reader.field("description");
    let runtime = reader.field("runtime");
    let mut requires = Vec::new();
    for _ in 0..reader.line("requires").parse().unwrap() {
        requires.push(reader.counted());
        reader.expect("\n");
    }
    let mut dependencies = BTreeMap::new();
    for _ in 0..reader.line("dependencies").parse().unwrap() {
        let name = reader.counted();
        reader.expect(" ");
        let range = VersionReq::parse(&reader.counted()).unwrap();
        dependencies.insert(name, range);
        reader.expect("\n");
    }
    let digest: Digest = reader.line("digest").parse().unwrap();
    let length = reader.line("length").parse().unwrap();
    let root = format!("sha256:{}", reader.line("root"));
    let root = root.parse::<Digest>().unwrap().0;
    assert!(reader.0.is_empty());
    Release {
        name,
        version,
        description,
        runtime,
        requires,
        dependencies,
        digest,
        length,
        root,
        home,
        signature: None,
    }
}

/// Texts that try to pass for something else: with lines, lengths and names of fields.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,8}",
        "(\n| |[0-9]{1,2} |name |requires |dependencies |a){0,6}",
    ]
}

fn any_release() -> impl Strategy<Value = Release> {
    let versions = prop_oneof![
        Just("1.2.0"),
        Just("1.2.0-beta.1"),
        Just("1.2.0-beta-1"),
        Just("1.2.0+b"),
        Just("0.0.12"),
    ];
    let ranges = prop_oneof![
        Just("^1"),
        Just("=1.2.0-beta"),
        Just("*"),
        Just("1.*"),
        Just(">=1, <3"),
        Just("~0.1.2"),
    ];
    (
        (any_text(), versions, any_text(), any_text()),
        prop::collection::vec(any_text(), 0..4),
        prop::collection::btree_map(any_text(), ranges, 0..4),
        (any::<[u8; 32]>(), any::<u64>(), any::<[u8; 32]>()),
    )
        .prop_map(|(texts, requires, dependencies, (digest, length, root))| {
            let (name, version, description, runtime) = texts;
            let range = |(name, range): (_, &str)| (name, VersionReq::parse(range).unwrap());
            Release {
                name,
                version: Version::parse(version).unwrap(),
                description,
                runtime,
                requires,
                dependencies: dependencies.into_iter().map(range).collect(),
                digest: Digest(digest),
                length,
                root,
                home: PlaceName::new("r").unwrap(),
                signature: None,
            }
        })
}

proptest! {
    /// Even of releases that no place would accept.
    #[test]
    fn a_statement_tells_all_of_a_release(release in any_release()) {
        let read = read(&release.statement(), release.home.clone());
        prop_assert_eq!(read, release);
    }
}
