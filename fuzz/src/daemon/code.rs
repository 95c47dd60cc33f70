//! Components as anybody may upload them.

use waybook_agents::wire;
use waybook_daemon::inspect;
use waybook_plan::{Digest, Manifest, Release};

use super::{HERE, name};
use crate::configuration::told;

/// A component's binary, which is looked into without compiling it; and the release of one that
/// says what it is called.
pub(crate) fn component(bytes: &[u8]) {
    let Some(facts) = told(inspect(bytes)) else {
        return;
    };
    let world = facts.runtime.split_once('@').map(|(world, _)| world);
    let known = ["proxy", "service", "middleware"].map(|world| format!("wasi:http/{world}"));
    assert!(known.iter().any(|known| world == Some(known)), "{facts:?}");

    let mut table = toml::Table::new();
    let mut say = |key: &str, value: Option<String>| {
        table.insert(key.to_owned(), value.unwrap_or_default().into());
    };
    say("name", facts.name);
    say("version", facts.version);
    say("description", facts.description);
    let Some(manifest) = told(Manifest::from_toml(&table.to_string())) else {
        return;
    };
    let (digest, length) = (Digest([1; 32]), bytes.len() as u64);
    let home = name(HERE);
    let release = manifest.release(Some(&facts.runtime), digest, length, [2; 32], home);
    if let Some(release) = told(release) {
        release.check().expect("what is made is sound");
        let record = wire::encode_record(&release);
        assert_eq!(wire::decode_record::<Release>(&record), Ok(release));
    }
}
