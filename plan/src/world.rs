//! Worlds: the types of runtimes, and which of them runs what.

use semver::Version;

use crate::Release;
use crate::text::{check_name, quote};

/// Greatest length of a world's name and version in bytes.
const MAX_WORLD: usize = 128;
/// A refusal must stay small, so it names no more than that of what a place has.
const MOST_NAMED: usize = 8;

/// A world with a version, such as `wasi:http/middleware@0.3.0`.
struct World<'a> {
    name: &'a str,
    version: Version,
}

impl<'a> World<'a> {
    /// Takes it apart. A version without a patch, as in `@0.2`, stands for any.
    fn parse(text: &'a str) -> Option<Self> {
        let (name, version) = text.rsplit_once('@')?;
        let (namespace, package) = name.split_once(':')?;
        let (package, world) = package.split_once('/')?;
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if [namespace, package, world]
            .iter()
            .any(|word| word.is_empty() || !word.chars().all(good))
        {
            return None;
        }
        let version = Version::parse(version)
            .or_else(|_| Version::parse(&format!("{version}.0")))
            .ok()?;
        Some(Self { name, version })
    }

    /// Whether a runtime of this world runs what targets the other one.
    fn runs(&self, wanted: &World<'_>) -> bool {
        let (has, wants) = (&self.version, &wanted.version);
        if self.name != wanted.name {
            return false;
        }
        if !has.pre.is_empty() || !wants.pre.is_empty() {
            return has.cmp_precedence(wants).is_eq();
        }
        match (wants.major, wants.minor) {
            (0, 0) => (has.major, has.minor, has.patch) == (0, 0, wants.patch),
            (0, minor) => (has.major, has.minor) == (0, minor),
            (major, _) => has.major == major,
        }
    }
}

/// Checks that a text is a world with a version.
pub(crate) fn check_world(text: &str) -> Result<(), String> {
    check_name(text, MAX_WORLD)?;
    World::parse(text).map(drop).ok_or_else(|| {
        format!(
            "{} is not a world with a version, such as wasi:http/middleware@0.3.0",
            quote(text)
        )
    })
}

/// Whether one of the worlds that a place's runtime offers runs what targets the wanted
/// one: the same world in a version that is compatible by the rules of Semantic
/// Versioning, which is 0.3.x for 0.3.1 and 1.x for 1.2.0. A pre-release is compatible
/// with itself only.
///
/// Which of the two is newer does not matter, for that is how wasmtime links: an import
/// of `wasi:http/types@0.2.6` is satisfied by any 0.2.x that the host has, older or
/// newer. Code that uses what only a newer one has is refused when it is loaded.
///
/// ```
/// let offered = ["wasi:http/proxy@0.2.6".to_owned()];
/// assert!(waybook_plan::runs(&offered, "wasi:http/proxy@0.2.12"));
/// assert!(!waybook_plan::runs(&offered, "wasi:http/proxy@0.3.0"));
/// ```
#[must_use]
pub fn runs(offered: &[String], wanted: &str) -> bool {
    let Some(wanted) = World::parse(wanted) else {
        return false;
    };
    let mut offered = offered.iter().filter_map(|world| World::parse(world));
    offered.any(|world| world.runs(&wanted))
}

impl Release {
    /// What a place that offers these runtimes (as for [`runs`]) and capabilities lacks
    /// to run the release, in a sentence that names the release; `None` if it lacks
    /// nothing.
    #[must_use]
    pub fn lacks(&self, runtimes: &[String], capabilities: &[String]) -> Option<String> {
        let mut lacks = Vec::new();
        if !runs(runtimes, &self.runtime) {
            lacks.push(format!(
                "needs the runtime {}, and the place has {}",
                quote(&self.runtime),
                named(runtimes)
            ));
        }
        let missing = self.requires.iter().filter(|c| !capabilities.contains(c));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            lacks.push(format!(
                "requires {}, and the place offers {}",
                named(&missing),
                named(capabilities)
            ));
        }
        (!lacks.is_empty()).then(|| format!("{} {}", quote(&self.reference()), lacks.join("; it ")))
    }
}

/// The first of these words, for a message.
fn named(words: &[String]) -> String {
    let mut first: Vec<_> = words.iter().take(MOST_NAMED).map(|w| quote(w)).collect();
    match words.len().checked_sub(MOST_NAMED) {
        _ if words.is_empty() => first.push("none".to_owned()),
        Some(more) if more > 0 => first.push(format!("{more} more")),
        _ => {}
    }
    first.join(", ")
}
