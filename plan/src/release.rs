//! Releases: code that components are made of, by name, version and digest.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use crate::text::{check_name, hex, quote, unhex};
use crate::world::check_world;
use crate::{Presentation, Signature};

/// The SHA-256 of a component's binary: what identifies it everywhere, as the digest of
/// a layer does in an OCI registry. Written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

/// One version of a component as somebody released it: all that a place needs to find
/// it, check it and decide whether it can run it.
///
/// A release is bound to its digest by a [`Signature`]; what is signed is everything
/// here but where it was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The component's name.
    pub name: String,
    /// Which version of it.
    pub version: Version,
    /// For people.
    pub description: String,
    /// The world that its binary targets, such as `wasi:http/middleware@0.3.0`: the
    /// type and version of the runtime that it needs.
    pub runtime: String,
    /// Capabilities that a place must offer to run it, in words that operators agree on.
    pub requires: Vec<String>,
    /// Other components that stand right behind it in the chain, towards the server.
    pub dependencies: BTreeMap<String, VersionReq>,
    /// The binary's SHA-256.
    pub digest: Digest,
    /// The binary's length in bytes.
    pub length: u64,
    /// The binary's BLAKE3 hash: the root of the tree that chunks are verified against
    /// as they arrive.
    pub root: [u8; 32],
    /// The place that it was added at, which keeps it.
    pub home: PlaceName,
    /// Who vouches for it; none if nobody does.
    pub signature: Option<Signature>,
}

/// The releases that a plan's components stand for, by reference (`name@version`): what
/// a lock file is to a package, so that all hops of a session run the same code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Releases(BTreeMap<String, Arc<Release>>);

/// Why a release, or a set of them, is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReleaseError(pub String);

impl Digest {
    /// The first digits, enough for people to tell releases apart.
    #[must_use]
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }

    /// The 64 hexadecimal digits alone, as in file names.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ReleaseError;

    /// Reads `sha256:` and 64 hexadecimal digits; the prefix may be left out.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        unhex(digits).map(Self).ok_or_else(|| {
            ReleaseError(format!(
                "{} is not a digest: write sha256: and 64 hexadecimal digits",
                quote(text)
            ))
        })
    }
}

impl Release {
    /// Greatest number of dependencies, and of required capabilities.
    pub const MAX_NEEDS: usize = 16;
    /// Greatest length of a version or a version range, in bytes.
    pub const MAX_VERSION: usize = 64;
    /// Greatest length of the description in bytes.
    pub const MAX_DESCRIPTION: usize = 1000;

    /// What the release is called in a plan: `name@version`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Checks what every release promises: names and texts that are short and
    /// printable, a version without build metadata (two versions that differ only in that
    /// are one to every range), and a binary that is not empty. Whether the signature is right is
    /// another question.
    ///
    /// # Errors
    /// [`ReleaseError`] names the first field that breaks a promise.
    pub fn check(&self) -> Result<(), ReleaseError> {
        let wrong = |field: &str, what: String| ReleaseError(format!("{field} {what}"));
        check_component_name(&self.name).map_err(|what| wrong("name", what))?;
        check_version(&self.version).map_err(|what| wrong("version", what))?;
        check_description(&self.description).map_err(|what| wrong("description", what))?;
        check_world(&self.runtime).map_err(|what| wrong("runtime", what))?;
        check_needs(self.requires.len()).map_err(|what| wrong("requires", what))?;
        for capability in &self.requires {
            check_name(capability, Presentation::MAX_NAME)
                .map_err(|what| wrong("requires", what))?;
        }
        check_needs(self.dependencies.len()).map_err(|what| wrong("dependencies", what))?;
        for (name, range) in &self.dependencies {
            check_component_name(name).map_err(|what| wrong("dependencies", what))?;
            if range.to_string().len() > Self::MAX_VERSION || *name == self.name {
                let what = format!("{} is not possible", quote(name));
                return Err(wrong("dependencies", what));
            }
        }
        if self.length == 0 {
            return Err(wrong("length", "must not be zero".to_owned()));
        }
        match &self.signature {
            Some(signature) if signature.bytes.len() != 64 => {
                Err(wrong("signature", "must have 64 bytes".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl Releases {
    /// Greatest number of releases in a plan.
    pub const MAX: usize = 256;

    /// The release that a plan's component stands for.
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<&Arc<Release>> {
        self.0.get(reference)
    }

    /// Adds a release under its own reference.
    pub fn insert(&mut self, release: Arc<Release>) {
        self.0.insert(release.reference(), release);
    }

    /// All of them, by reference.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Release>> {
        self.0.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that each is sound and goes by its own reference. Releases from elsewhere
    /// are untrusted until they have passed.
    ///
    /// # Errors
    /// [`ReleaseError`] names the first that is not.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if self.0.len() > Self::MAX {
            let most = Self::MAX;
            return Err(ReleaseError(format!("there are more than {most} releases")));
        }
        for (reference, release) in &self.0 {
            release.check()?;
            if *reference != release.reference() {
                let what = format!("{} is called {}", release.reference(), quote(reference));
                return Err(ReleaseError(what));
            }
        }
        Ok(())
    }
}

impl FromIterator<Arc<Release>> for Releases {
    fn from_iter<T: IntoIterator<Item = Arc<Release>>>(releases: T) -> Self {
        let entries = releases.into_iter().map(|r| (r.reference(), r));
        Self(entries.collect())
    }
}

/// Takes a reference to code apart: `cap-quality@^1.2` asks for that name in a version
/// of that range (as Cargo writes ranges); without `@`, for any version of it. A full
/// version, as in `cap-quality@1.2.0`, asks for exactly that one.
///
/// As with Cargo, a pre-release such as `1.3.0-beta.1` is in a range only if the range
/// names a pre-release of the same 1.3.0.
///
/// # Errors
/// [`ReleaseError`] says what is wrong with the name or the range.
pub fn split_reference(reference: &str) -> Result<(&str, VersionReq), ReleaseError> {
    let (name, range) = match reference.split_once('@') {
        Some((name, range)) => (name, Some(range)),
        None => (reference, None),
    };
    check_component_name(name)
        .map_err(|what| ReleaseError(format!("the name of a component {what}")))?;
    let range = match range {
        None => VersionReq::STAR,
        // A whole version means that one; `1.2` is a range, as everywhere.
        Some(range) => match Version::parse(range) {
            Ok(version) => parse_range(&format!("={version}")),
            Err(_) => parse_range(range),
        }
        .map_err(ReleaseError)?,
    };
    Ok((name, range))
}

/// Reads a version range, as Cargo writes them.
pub(crate) fn parse_range(text: &str) -> Result<VersionReq, String> {
    let most = Release::MAX_VERSION;
    if text.len() > most {
        let length = text.len();
        return Err(format!(
            "a version range of {length} bytes is too long; at most {most} are allowed"
        ));
    }
    VersionReq::parse(text).map_err(|error| {
        format!(
            "{} is not a version range such as ^1.2: {error}",
            quote(text)
        )
    })
}

/// Names of components are made for file names, URLs and command lines.
pub(crate) fn check_component_name(name: &str) -> Result<(), String> {
    check_name(name, Presentation::MAX_NAME)?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good) {
        return Ok(());
    }
    Err(format!(
        "{} must be a lower-case letter, then a-z, 0-9, `-`, `_` and `.`",
        quote(name)
    ))
}

/// Versions have to be short, and told apart by ranges.
pub(crate) fn check_version(version: &Version) -> Result<(), String> {
    let (length, most) = (version.to_string().len(), Release::MAX_VERSION);
    if length > most {
        return Err(format!("has {length} bytes; at most {most} are allowed"));
    }
    if !version.build.is_empty() {
        let build = quote(&format!("+{}", version.build));
        return Err(format!(
            "must be without {build}: ranges take no notice of build metadata"
        ));
    }
    Ok(())
}

/// Lines and tabs are fine in a description; what steers a terminal is not.
pub(crate) fn check_description(text: &str) -> Result<(), String> {
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.len() > Release::MAX_DESCRIPTION || text.contains(bad) {
        let most = Release::MAX_DESCRIPTION;
        return Err(format!(
            "must be text of at most {most} bytes, without control characters"
        ));
    }
    Ok(())
}

/// Needs are looked at one by one, at every place.
pub(crate) fn check_needs(count: usize) -> Result<(), String> {
    let most = Release::MAX_NEEDS;
    if count > most {
        return Err(format!("has {count} entries; at most {most} are allowed"));
    }
    Ok(())
}
