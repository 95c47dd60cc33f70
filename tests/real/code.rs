//! Real daemons as an arm for stories about code.

use std::path::Path;

use waybook_client::NewCode;
use waybook_location_tree::PlaceName;
use waybook_plan::Release;
use waybook_sim::arm::CodeArm;

use crate::daemons::{Daemons, until};
use crate::forms;

impl CodeArm for Daemons {
    fn add_code(&mut self, release: Release) -> u64 {
        let binary = std::fs::read(sample(&release.runtime)).unwrap();
        self.add_binary(&release, binary)
    }

    fn add_code_that_fails(&mut self, mut release: Release) -> u64 {
        // It says that it answers requests, and has nothing that could.
        let handler = "wasi:http/incoming-handler@0.2.0";
        let text = format!("(component (instance $i) (export \"{handler}\" (instance $i)))");
        "wasi:http/proxy@0.2.0".clone_into(&mut release.runtime);
        self.add_binary(&release, wat::parse_str(text).unwrap())
    }

    fn bytes_fetched(&mut self, place: &PlaceName) -> u64 {
        let client = self.client(place).unwrap();
        let info = self.runtime.block_on(client.place()).unwrap();
        info.counters.fetched_bytes
    }
}

impl Daemons {
    /// Adds a binary as that release, and waits until the root knows of it.
    fn add_binary(&mut self, release: &Release, mut binary: Vec<u8>) -> u64 {
        // No two releases are the same bytes.
        binary.extend(custom_section(&release.reference()));
        let file = self.folder.path().join("added.wasm");
        std::fs::write(&file, &binary).unwrap();
        let code = NewCode {
            binary: &file,
            manifest: Some(&forms::manifest(release)),
            signature: None,
        };
        let client = self.client(&release.home).unwrap();
        let adding = client.add_component(code, |_| {});
        let added = self.runtime.block_on(adding).unwrap();
        let root = self.client(&release.home.root()).unwrap();
        until("the root does not hear of the code", || {
            let known = self.runtime.block_on(root.components(true));
            let known = known.map_err(|error| error.to_string())?;
            let same =
                |c: &&waybook_client::model::CodeInfo| c.release.digest == added.release.digest;
            match known.iter().find(same) {
                Some(_) => Ok(()),
                None => Err(format!("{known:?}")),
            }
        });
        u64::try_from(binary.len()).unwrap()
    }
}

/// A component of that world which comes with Waybook.
fn sample(world: &str) -> std::path::PathBuf {
    let name = match world {
        "wasi:http/middleware@0.3.0" => "cap-quality.wasm",
        other => panic!("no sample is a {other}"),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.join("components/built").join(name)
}

/// A section that means nothing to the machine.
fn custom_section(text: &str) -> Vec<u8> {
    let name = b"waybook-test";
    let length = 1 + name.len() + text.len();
    assert!(length < 128, "lengths are written in one byte");
    let mut section = vec![
        0,
        u8::try_from(length).unwrap(),
        u8::try_from(name.len()).unwrap(),
    ];
    section.extend_from_slice(name);
    section.extend_from_slice(text.as_bytes());
    section
}
