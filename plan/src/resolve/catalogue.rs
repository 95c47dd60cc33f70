//! What there is to choose from, in the numbers by which the solver knows it.

use std::any::Any;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use resolvo::{
    Candidates, Condition, ConditionId, Dependencies, DependencyProvider, Interner,
    KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId, VersionSetId,
    VersionSetUnionId,
};
use semver::VersionReq;

use super::explain::listed;
use super::{Conflict, Locked};
use crate::{Release, Releases};

/// The sound ones of the known releases by name, the newest version first.
pub(super) struct Shelves<'a>(BTreeMap<&'a str, Vec<&'a Arc<Release>>>);

impl<'a> Shelves<'a> {
    pub(super) fn new(known: &'a [Arc<Release>]) -> Self {
        let mut shelves: BTreeMap<&str, Vec<&Arc<Release>>> = BTreeMap::new();
        for release in known.iter().filter(|release| release.check().is_ok()) {
            shelves.entry(&release.name).or_default().push(release);
        }
        for releases in shelves.values_mut() {
            releases.sort_by_key(|r| (Reverse(&r.version), &r.home, r.digest));
            releases.dedup_by_key(|r| &r.version);
            releases.truncate(Locked::MAX_VERSIONS);
        }
        Self(shelves)
    }
}

/// The known releases that a question reaches, numbered by name, the newest of each name
/// first; and all ranges that they are asked for in.
pub(super) struct Catalogue<'a> {
    names: Vec<Name<'a>>,
    /// With the numbers of their names.
    releases: Vec<(usize, &'a Arc<Release>)>,
    /// What is asked for: a name by its number, and the range.
    ranges: Vec<(usize, VersionReq)>,
    /// How many of the ranges are those of the question; they come first.
    wanted: usize,
    /// The ranges that each release depends on.
    needs: Vec<Vec<VersionSetId>>,
    /// How often the solver may still ask whether to go on.
    patience: Cell<usize>,
}

struct Name<'a> {
    name: &'a str,
    /// Its releases.
    releases: Range<usize>,
}

impl<'a> Catalogue<'a> {
    /// Greatest number of releases to choose from, of all names together.
    const MOST: usize = 10_000;

    /// What those names, in those ranges, may come to need.
    pub(super) fn new(
        wanted: &[(&'a str, VersionReq)],
        shelves: &Shelves<'a>,
        patience: usize,
    ) -> Result<Self, Conflict> {
        let mut catalogue = Self {
            names: Vec::new(),
            releases: Vec::new(),
            ranges: Vec::new(),
            wanted: wanted.len(),
            needs: Vec::new(),
            patience: Cell::new(patience),
        };
        let mut numbers = BTreeMap::new();
        for (name, range) in wanted {
            let name = catalogue.number(name, &mut numbers);
            catalogue.ranges.push((name, range.clone()));
        }
        // Ranges are numbered once, so that what is equal is solved as one.
        let mut seen: BTreeMap<(usize, String), VersionSetId> = BTreeMap::new();
        let mut at = 0;
        while let Some(name) = catalogue.names.get(at).map(|n| n.name) {
            let first = catalogue.releases.len();
            for &release in shelves.0.get(name).into_iter().flatten() {
                let mut needs = Vec::new();
                for (other, range) in &release.dependencies {
                    let other = catalogue.number(other, &mut numbers);
                    let set = *seen.entry((other, range.to_string())).or_insert_with(|| {
                        catalogue.ranges.push((other, range.clone()));
                        set(catalogue.ranges.len() - 1)
                    });
                    needs.push(set);
                }
                catalogue.releases.push((at, release));
                catalogue.needs.push(needs);
            }
            catalogue.names[at].releases = first..catalogue.releases.len();
            if catalogue.names.len() > Releases::MAX || catalogue.releases.len() > Self::MOST {
                let wanted: Vec<_> = wanted.iter().map(|(name, _)| *name).collect();
                return Err(Conflict::new(format!(
                    "{} may need more than {} components or {} releases to choose from",
                    listed(&wanted),
                    Releases::MAX,
                    Self::MOST
                )));
            }
            at += 1;
        }
        Ok(catalogue)
    }

    /// The number of a name, which may be new.
    fn number(&mut self, name: &'a str, numbers: &mut BTreeMap<&'a str, usize>) -> usize {
        *numbers.entry(name).or_insert_with(|| {
            let releases = 0..0;
            self.names.push(Name { name, releases });
            self.names.len() - 1
        })
    }

    /// How many releases there are to choose from.
    pub(super) fn len(&self) -> usize {
        self.releases.len()
    }

    /// What is left of the patience.
    pub(super) fn patience(&self) -> usize {
        self.patience.get()
    }

    /// The ranges of the question, in its order.
    pub(super) fn wanted(&self) -> impl Iterator<Item = VersionSetId> {
        (0..self.wanted).map(set)
    }

    pub(super) fn release(&self, id: SolvableId) -> &'a Arc<Release> {
        self.releases[index(id.into_raw())].1
    }

    /// What a range is a range of.
    pub(super) fn range(&self, set: VersionSetId) -> (&'a str, &VersionReq) {
        let (name, range) = &self.ranges[index(set.0)];
        (self.names[*name].name, range)
    }

    /// The releases of what a range is a range of, the newest first, whether they are in it
    /// or not, each with the number of its name.
    pub(super) fn releases_of(&self, set: VersionSetId) -> &[(usize, &'a Arc<Release>)] {
        let (name, _) = &self.ranges[index(set.0)];
        &self.releases[self.names[*name].releases.clone()]
    }
}

/// The solver's numbers have 32 bits, which is more than the limits above let through.
fn index(number: u32) -> usize {
    number as usize
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn set(index: usize) -> VersionSetId {
    VersionSetId(number(index))
}

impl Interner for Catalogue<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        self.release(solvable).reference()
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.names[index(name.into_raw())].name
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        self.range(version_set).1
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        // No release is excluded for a reason in words.
        ""
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        NameId::from_raw(number(self.ranges[index(version_set.0)].0))
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(number(self.releases[index(solvable.into_raw())].0))
    }

    fn version_sets_in_union(&self, _: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        // A dependency is on one name.
        std::iter::empty()
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        // No dependency has a condition.
        Condition::Requirement(VersionSetId(condition.as_u32()))
    }
}

impl DependencyProvider for Catalogue<'_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let range = self.range(version_set).1;
        let fits = |id: &SolvableId| range.matches(&self.release(*id).version) != inverse;
        candidates.iter().copied().filter(fits).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let releases = self.names[index(name.into_raw())].releases.clone();
        let candidates = releases.map(|at| SolvableId::from_raw(number(at)));
        Some(Candidates {
            candidates: candidates.collect(),
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        // They are numbered from the newest down.
        solvables.sort();
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let needs = &self.needs[index(solvable.into_raw())];
        let requirement = |set: &VersionSetId| Requirement::from(*set).into();
        Dependencies::Known(KnownDependencies {
            requirements: needs.iter().map(requirement).collect(),
            constrains: Vec::new(),
        })
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        let left = self.patience.get().checked_sub(1);
        match left {
            Some(left) => {
                self.patience.set(left);
                None
            }
            None => Some(Box::new(())),
        }
    }
}
