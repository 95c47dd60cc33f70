//! Which code a path of the API means.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::VersionReq;
use waybook_agents::Holding;
use waybook_location_tree::PlaceName;
use waybook_place::CodeView;
use waybook_plan::{Digest, Release, split_reference};

use crate::api::model::{CodeInfo, HereInfo, HolderInfo};
use crate::api::{Kind, Problem, Shared};

/// What is meant: code by its digest, the beginning of a digest, or a reference.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    Digest(Digest),
    Beginning(String),
    Reference(String, VersionReq),
}

/// So many digits tell pieces of code apart well enough to be worth a try.
const LEAST_DIGITS: usize = 6;

impl Wanted {
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let malformed = |error: &dyn std::fmt::Display| {
            Kind::Malformed.because(format!(
                "{error}; name a component as `name@1.2.0`, `name`, or `sha256:` and at least \
                 {LEAST_DIGITS} digits"
            ))
        };
        let Some(digits) = text.strip_prefix("sha256:") else {
            let (name, range) = split_reference(text).map_err(|error| malformed(&error))?;
            return Ok(Self::Reference(name.to_owned(), range));
        };
        let beginning = digits.len() >= LEAST_DIGITS && digits.len() < 64;
        if beginning && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self::Beginning(digits.to_ascii_lowercase()));
        }
        match text.parse() {
            Ok(digest) => Ok(Self::Digest(digest)),
            Err(_) => Err(malformed(&format_args!(
                "`{text}` is no digest, nor the beginning of one"
            ))),
        }
    }

    /// Only what a presentation may say.
    pub(super) fn reference(text: &str) -> Result<Self, Problem> {
        match Self::read(text)? {
            reference @ Self::Reference(..) => Ok(reference),
            Self::Digest(_) | Self::Beginning(_) => Err(Kind::Invalid.because(format!(
                "`{text}` is a digest: name what is to be fetched as `name@1.2.0`, or `name`"
            ))),
        }
    }

    pub(super) fn is(&self, release: &Release) -> bool {
        match self {
            Self::Digest(digest) => release.digest == *digest,
            Self::Beginning(digits) => release.digest.hex().starts_with(digits),
            Self::Reference(name, range) => {
                release.name == *name && range.matches(&release.version)
            }
        }
    }
}

/// What is known of some code: whether it is here, and who else holds it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) release: Arc<Release>,
    pub(super) here: Option<CodeView>,
    pub(super) holders: Vec<HolderInfo>,
}

impl Known {
    /// That a place holds it whole. What is said first counts.
    fn hold(&mut self, place: &PlaceName, added: bool) {
        let place = place.to_string();
        if !self.holders.iter().any(|holder| holder.place == place) {
            self.holders.push(HolderInfo { place, added });
        }
    }

    pub(super) fn info(&self) -> CodeInfo {
        CodeInfo {
            release: (&*self.release).into(),
            here: self.here.as_ref().map(HereInfo::from),
            holders: self.holders.clone(),
        }
    }
}

/// All code that is here, and all that the locality is known to hold.
pub(super) async fn known(shared: &Shared) -> Result<Vec<Known>, Problem> {
    let (here, held) = shared
        .parts
        .place
        .query(|place, _| (place.code(), place.holdings()))
        .await?;
    Ok(merge(&shared.parts.name, here, held))
}

/// One entry for each release, by name, newest first.
fn merge(name: &PlaceName, here: Vec<CodeView>, held: Vec<Holding>) -> Vec<Known> {
    let mut all = BTreeMap::new();
    for view in here {
        let known = entry(&mut all, &view.release);
        if view.bytes == view.release.length {
            known.hold(name, view.added);
        }
        known.here = Some(view);
    }
    for holding in held {
        entry(&mut all, &holding.release).hold(&holding.place, holding.added);
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by(|a, b| {
        let (a, b) = (&a.release, &b.release);
        a.name.cmp(&b.name).then(b.version.cmp(&a.version))
    });
    all
}

fn entry<'a>(
    all: &'a mut BTreeMap<(String, Digest), Known>,
    release: &Arc<Release>,
) -> &'a mut Known {
    all.entry((release.reference(), release.digest))
        .or_insert_with(|| Known {
            release: release.clone(),
            here: None,
            holders: Vec::new(),
        })
}

/// Which of these is to be shown: the newest one meant.
pub(super) fn newest(shared: &Shared, all: &[Known], text: &str) -> Result<Known, Problem> {
    let meant = meant(shared, all, text)?;
    let newest = meant.iter().map(|known| &known.release.version).max();
    let newest = meant
        .iter()
        .filter(|known| Some(&known.release.version) == newest);
    let newest: Vec<_> = newest.copied().collect();
    only(shared, text, &newest)
}

/// Which code at this place is to be changed: no more than one may be meant.
pub(super) fn one_here(shared: &Shared, all: &[Known], text: &str) -> Result<Known, Problem> {
    let meant = meant(shared, all, text)?;
    let here: Vec<_> = meant.into_iter().filter(|k| k.here.is_some()).collect();
    only(shared, text, &here)
}

fn meant<'a>(shared: &Shared, all: &'a [Known], text: &str) -> Result<Vec<&'a Known>, Problem> {
    let wanted = Wanted::read(text).map_err(|problem| problem.at(&shared.parts.name))?;
    Ok(all.iter().filter(|k| wanted.is(&k.release)).collect())
}

fn only(shared: &Shared, text: &str, found: &[&Known]) -> Result<Known, Problem> {
    let name = &shared.parts.name;
    match found {
        [] => Err(Kind::NotFound
            .because(format!("{name} knows no code `{text}`"))
            .at(name)),
        [one] => Ok((*one).clone()),
        several => {
            let list: Vec<_> = several
                .iter()
                .map(|k| format!("{} ({})", k.release.reference(), k.release.digest))
                .collect();
            Err(Kind::Ambiguous
                .because(format!(
                    "`{text}` may mean {}: say which",
                    list.join(" or ")
                ))
                .at(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::release;

    #[test]
    fn code_is_named_by_reference_or_digest() {
        let release = release("cap-quality", "1.2.0", 7);
        let hex = release.digest.hex();
        for text in [
            "cap-quality",
            "cap-quality@1.2.0",
            "cap-quality@^1.1",
            &format!("sha256:{hex}"),
            &format!("sha256:{}", &hex[..6]),
            &format!("sha256:{}", hex[..12].to_uppercase()),
        ] {
            assert!(Wanted::read(text).unwrap().is(&release), "{text}");
        }
        for text in [
            "cap",
            "cap-quality@2",
            "cap-quality@=1.1.0",
            "sha256:ffffff",
        ] {
            assert!(!Wanted::read(text).unwrap().is(&release), "{text}");
        }
        let long = "0".repeat(65);
        for text in [
            "",
            "Cap",
            "cap@1.2.3.4",
            "sha256:",
            "sha256:07070",
            "sha256:zzzzzz",
        ] {
            assert!(Wanted::read(text).is_err(), "{text}");
        }
        assert!(Wanted::read(&format!("sha256:{long}")).is_err());
    }

    #[test]
    fn what_is_here_and_what_is_elsewhere_is_one_entry() {
        let name = |text| PlaceName::new(text).unwrap();
        let (cap, old) = (release("cap", "1.10.0", 1), release("cap", "1.9.0", 2));
        let here = CodeView {
            release: cap.clone(),
            added: false,
            pinned: true,
            instances: 1,
            bytes: cap.length,
            from: None,
        };
        let held = |place, release: &Arc<Release>| Holding {
            place: name(place),
            edition: waybook_agents::Edition(waybook_agents::Incarnation(1), 1),
            release: release.clone(),
            added: true,
        };
        let held = vec![
            held("core", &cap),
            held("core/b", &cap),
            held("core/b", &old),
        ];
        let all = merge(&name("core"), vec![here], held);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].release, cap, "the newest comes first");
        let holders = |known: &Known| -> Vec<_> {
            let holders = known.holders.iter();
            holders.map(|h| (h.place.clone(), h.added)).collect()
        };
        // What the place says of itself now is newer than what it has told others.
        let expected = [("core".to_owned(), false), ("core/b".to_owned(), true)];
        assert_eq!(holders(&all[0]), expected);
        assert!(all[0].here.is_some() && all[1].here.is_none());
        assert_eq!(holders(&all[1]), [("core/b".to_owned(), true)]);
    }
}
