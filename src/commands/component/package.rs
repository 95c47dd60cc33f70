//! A component on this machine: its binary, what is written about it, and who signed it.

use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest as _, Sha256};
use waybook_daemon::api::CodeFacts;
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Manifest, PublisherKey, Release, Signature, SigningKey};

use crate::commands::read_file;
use crate::fail::{Done, Fail};

/// What is written about a component, beside its binary.
const MANIFEST: &str = "component.toml";

/// A component that can be released.
pub(super) struct Package {
    pub(super) binary: PathBuf,
    /// The text of its manifest, as it is sent.
    pub(super) manifest: String,
    /// Unsigned, with any home: that is not part of what is signed.
    release: Release,
}

/// What the command line says of a component.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) version: Option<&'a str>,
}

impl Package {
    /// Reads a folder with a `component.toml`, or a binary.
    pub(super) fn read(path: &Path, named: Named<'_>) -> Done<Self> {
        let in_folder = path.is_dir();
        let written = if in_folder {
            let file = path.join(MANIFEST);
            let text = read_file(&file).map_err(|fail| {
                fail.during("a component's folder says what it is in a component.toml")
            })?;
            Some((file, text))
        } else {
            beside(path, named)?
        };
        let Some((file, text)) = written else {
            return Self::unwritten(path, named);
        };
        let wrong =
            |error: &dyn std::fmt::Display| Fail::usage(format!("{}: {error}", file.display()));
        let manifest = Manifest::from_toml(&text).map_err(|error| wrong(&error))?;
        let binary = if in_folder {
            path.join(&manifest.file)
        } else {
            path.to_owned()
        };
        let (bytes, facts) = look_into(&binary)?;
        let text = if named.name.is_some() || named.version.is_some() {
            let mut table: toml::Table = toml::from_str(&text).map_err(|error| wrong(&error))?;
            named.write(&mut table);
            table.to_string()
        } else {
            text
        };
        Self::new(binary, text, &bytes, &facts.runtime).map_err(|error| wrong(&error))
    }

    /// A binary that says itself what it is, as far as the command line does not.
    fn unwritten(path: &Path, named: Named<'_>) -> Done<Self> {
        let (bytes, facts) = look_into(path)?;
        let mut table = toml::Table::new();
        for (key, said) in [
            ("name", &facts.name),
            ("version", &facts.version),
            ("description", &facts.description),
        ] {
            if let Some(said) = said {
                table.insert(key.to_owned(), said.clone().into());
            }
        }
        named.write(&mut table);
        for key in ["name", "version"] {
            if !table.contains_key(key) {
                return Err(Fail::usage(format!(
                    "{} does not say its {key}: give `--{key}`, or write a {MANIFEST} beside it",
                    path.display()
                )));
            }
        }
        let text = table.to_string();
        Self::new(path.to_owned(), text, &bytes, &facts.runtime).map_err(|error| {
            Fail::usage(format!(
                "{}: what it says of itself will not do ({error}): give `--name` and `--version`",
                path.display()
            ))
        })
    }

    fn new(binary: PathBuf, text: String, bytes: &[u8], runtime: &str) -> Result<Self, String> {
        let manifest = Manifest::from_toml(&text).map_err(|error| error.to_string())?;
        let digest = Digest(Sha256::digest(bytes).into());
        let root = *blake3::hash(bytes).as_bytes();
        // The place that takes it up becomes its home.
        let home = PlaceName::new("nowhere").map_err(|error| error.to_string())?;
        let release = manifest
            .release(Some(runtime), digest, bytes.len() as u64, root, home)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            binary,
            manifest: text,
            release,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.release.length
    }

    pub(super) fn reference(&self) -> String {
        self.release.reference()
    }

    /// Where its signature lies, if it was signed ahead.
    pub(super) fn signature_file(&self) -> PathBuf {
        let mut file = self.binary.clone().into_os_string();
        file.push(".sig");
        file.into()
    }

    /// The publisher's key and signature on one line.
    pub(super) fn sign(&self, key: &SigningKey) -> Done<String> {
        let mut release = self.release.clone();
        release.sign(key);
        let Some(signature) = release.signature else {
            return Err(Fail::failed("nothing was signed"));
        };
        let bytes = HEXLOWER.encode(&signature.bytes);
        Ok(format!("{} {bytes}", key.publisher()))
    }

    /// The signature that lies beside the binary, if there is one.
    pub(super) fn signed_ahead(&self) -> Done<Option<String>> {
        let file = self.signature_file();
        if !file.exists() {
            return Ok(None);
        }
        let line = read_file(&file)?.trim().to_owned();
        let wrong = |what: &str| Fail::usage(format!("{}: {what}", file.display()));
        let signature = read_signature(&line).ok_or_else(|| {
            wrong("this is no signature of a component; `waybook component sign` makes them")
        })?;
        let mut release = self.release.clone();
        release.signature = Some(signature);
        release.verify_signature().map_err(|error| {
            wrong(&format!(
                "{error}: if the component has changed, sign it again (`waybook component sign`)"
            ))
        })?;
        Ok(Some(line))
    }
}

impl Named<'_> {
    /// What the command line says goes before what is written.
    fn write(self, table: &mut toml::Table) {
        for (key, said) in [("name", self.name), ("version", self.version)] {
            if let Some(said) = said {
                table.insert(key.to_owned(), said.into());
            }
        }
    }
}

/// The manifest that lies beside a binary and is of it.
fn beside(binary: &Path, named: Named<'_>) -> Done<Option<(PathBuf, String)>> {
    let folder = match binary.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let file = folder.join(MANIFEST);
    if !file.exists() {
        return Ok(None);
    }
    let text = read_file(&file)?;
    let wrong = |what: &dyn std::fmt::Display| Fail::usage(format!("{}: {what}", file.display()));
    let manifest = Manifest::from_toml(&text).map_err(|error| wrong(&error))?;
    if folder.join(&manifest.file).file_name() == binary.file_name() {
        return Ok(Some((file, text)));
    }
    if named.name.is_some() && named.version.is_some() {
        return Ok(None);
    }
    Err(wrong(&format!(
        "it is about {}, not {}: correct its `file`, or give `--name` and `--version`",
        manifest.file,
        binary.display()
    )))
}

/// Reads a binary and looks into it.
fn look_into(path: &Path) -> Done<(Vec<u8>, CodeFacts)> {
    let wrong = |error: &dyn std::fmt::Display| Fail::usage(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
    if !bytes.starts_with(b"\0asm") {
        return Err(wrong(
            &"this is not WebAssembly: give a component's .wasm file, or the folder of its \
              component.toml",
        ));
    }
    let facts = waybook_daemon::inspect(&bytes).map_err(|error| wrong(&error))?;
    Ok((bytes, facts))
}

fn read_signature(line: &str) -> Option<Signature> {
    let (key, bytes) = line.split_once(' ')?;
    let key: PublisherKey = key.parse().ok()?;
    let bytes = HEXLOWER_PERMISSIVE.decode(bytes.as_bytes()).ok()?;
    Some(Signature { key: key.0, bytes })
}
