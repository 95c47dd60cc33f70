//! Manifests: what a developer writes about a component, before there is a release of it.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use waybook_location_tree::PlaceName;

use crate::file::{Document, Problem, Value};
use crate::release::{
    check_component_name, check_description, check_needs, check_version, parse_range,
};
use crate::text::{check_name, quote};
use crate::world::check_world;
use crate::{Digest, Presentation, Release, ReleaseError, runs};

/// The file `component.toml` that stands beside a component's binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The component's name.
    pub name: String,
    /// Which version of it.
    pub version: Version,
    /// For people; may be empty.
    pub description: String,
    /// The world that its binary targets, with version; none if the binary is to be asked.
    pub runtime: Option<String>,
    /// The binary, as a path from where the manifest is.
    pub file: String,
    /// Capabilities that a place must offer to run it.
    pub requires: Vec<String>,
    /// Other components that stand right behind it in the chain.
    pub dependencies: BTreeMap<String, VersionReq>,
}

/// Why a manifest was refused: what is wrong, with line and field, and what would be
/// right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(pub String);

impl Manifest {
    /// Greatest length of the path of the binary in bytes.
    pub const MAX_FILE: usize = 4096;

    /// Reads a manifest (TOML):
    ///
    /// ```
    /// let manifest = waybook_plan::Manifest::from_toml(
    ///     r#"
    ///     name = "cap-quality"
    ///     version = "1.2.0"
    ///     description = "Holds the quality down"    # optional
    ///     runtime = "wasi:http/middleware@0.3.0"    # optional; else the binary says
    ///     file = "cap-quality.wasm"                 # optional; else the name and .wasm
    ///     requires = ["gpu"]                        # optional
    ///     [dependencies]                            # optional; ranges as in Cargo.toml
    ///     cap-log = "^1"
    ///     "#,
    /// )?;
    /// assert_eq!(manifest.file, "cap-quality.wasm");
    /// # Ok::<(), waybook_plan::ManifestError>(())
    /// ```
    ///
    /// As in a `Cargo.toml`, a full version of a dependency stands for the versions that
    /// are compatible with it: `"1.2.0"` is `"^1.2.0"`.
    ///
    /// # Errors
    /// [`ManifestError`] names line, column and field, and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let document = Document::parse(text).map_err(ManifestError)?;
        read(&document).map_err(|problem| ManifestError(document.explain(&problem)))
    }

    /// The release of a binary with that SHA-256, length in bytes and BLAKE3 hash, added
    /// at a place. Nobody has signed it yet.
    ///
    /// `found` is the world that the binary was found to target, if it was looked into;
    /// it need not be the very version that the manifest names, but a compatible one.
    ///
    /// # Errors
    /// [`ReleaseError`] if neither names a runtime or the two do not agree, and as
    /// [`Release::check`].
    pub fn release(
        self,
        found: Option<&str>,
        digest: Digest,
        length: u64,
        root: [u8; 32],
        home: PlaceName,
    ) -> Result<Release, ReleaseError> {
        let runtime = match (self.runtime, found) {
            (Some(named), Some(found)) if !runs(std::slice::from_ref(&named), found) => {
                return Err(ReleaseError(format!(
                    "runtime is {}, but the binary targets {}",
                    quote(&named),
                    quote(found)
                )));
            }
            (Some(named), _) => named,
            (None, Some(found)) => found.to_owned(),
            (None, None) => {
                return Err(ReleaseError(
                    "runtime is missing, and the binary does not tell; write runtime = \
                     \"wasi:http/middleware@0.3.0\""
                        .to_owned(),
                ));
            }
        };
        let release = Release {
            name: self.name,
            version: self.version,
            description: self.description,
            runtime,
            requires: self.requires,
            dependencies: self.dependencies,
            digest,
            length,
            root,
            home,
            signature: None,
        };
        release.check()?;
        Ok(release)
    }
}

fn read(document: &Document<'_>) -> Result<Manifest, Problem> {
    let root = document.root().table(&[
        "name",
        "version",
        "description",
        "runtime",
        "file",
        "requires",
        "dependencies",
    ])?;
    let required = |key, example| root.get(key).ok_or_else(|| root.missing(key, example));

    let example = "\"cap-quality\"";
    let value = required("name", example)?;
    let name = value.string(example)?.to_owned();
    right(value, check_component_name(&name))?;

    let example = "\"1.2.0\"";
    let value = required("version", example)?;
    let text = value.string(example)?;
    let version = Version::parse(text).map_err(|error| {
        let message = format!("{} is not a version such as 1.2.0: {error}", quote(text));
        value.problem(message)
    })?;
    right(value, check_version(&version))?;

    let optional = |key, example, check: &dyn Fn(&str) -> Result<(), String>| {
        let Some(value) = root.get(key) else {
            return Ok(None);
        };
        let text = value.string(example)?;
        right(value, check(text))?;
        Ok(Some(text.to_owned()))
    };
    let description = optional(
        "description",
        "\"Holds the quality down\"",
        &check_description,
    )?;
    let runtime = optional("runtime", "\"wasi:http/middleware@0.3.0\"", &check_world)?;
    let file = optional("file", "\"cap-quality.wasm\"", &|text| {
        check_name(text, Manifest::MAX_FILE)
    })?;

    let mut requires = Vec::new();
    if let Some(value) = root.get("requires") {
        let entries = value.list("a list of words, such as [\"gpu\"]")?;
        right(value, check_needs(entries.len()))?;
        for entry in entries {
            let word = entry.string("\"gpu\"")?;
            right(&entry, check_name(word, Presentation::MAX_NAME))?;
            requires.push(word.to_owned());
        }
    }
    let mut dependencies = BTreeMap::new();
    if let Some(value) = root.get("dependencies") {
        let entries = value.entries()?;
        right(value, check_needs(entries.len()))?;
        for (other, value) in entries {
            right(&value, check_component_name(other))?;
            if other == name {
                return Err(value.problem("a component cannot stand behind itself"));
            }
            let range = parse_range(value.string("\"^1\"")?);
            let range = range.map_err(|message| value.problem(message))?;
            dependencies.insert(other.to_owned(), range);
        }
    }
    Ok(Manifest {
        file: file.unwrap_or_else(|| format!("{name}.wasm")),
        name,
        version,
        description: description.unwrap_or_default(),
        runtime,
        requires,
        dependencies,
    })
}

/// What is wrong with a value, as a problem of that value.
fn right(value: &Value<'_>, check: Result<(), String>) -> Result<(), Problem> {
    check.map_err(|message| value.problem(message))
}
