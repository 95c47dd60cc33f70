//! Resolution: from references to code, with ranges of versions, to the releases that a
//! session runs.

mod catalogue;
mod explain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalogue::{Catalogue, Shelves};
use resolvo::{Problem, Requirement, Solver, UnsolvableOrCancelled};

use crate::{Component, Release, Releases, Runtime, split_reference};

/// The releases that were chosen for the references of a quality level, with all that
/// they depend on: one version of each name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locked(BTreeMap<String, Arc<Release>>);

/// Why no releases can be chosen, in sentences for people. It is no longer than
/// [`MAX`](Self::MAX).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Conflict(pub String);

impl Conflict {
    /// Greatest length in bytes.
    pub const MAX: usize = 1000;

    /// Most of what is told are names and ranges, which are short; whatever else is cut.
    fn new(mut text: String) -> Self {
        const MORE: &str = "…";
        if text.len() > Self::MAX {
            let end = (0..=Self::MAX - MORE.len())
                .rev()
                .find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push_str(MORE);
        }
        Self(text)
    }
}

/// Chooses releases for references out of those that are known: what makes a lock file of
/// a list of dependencies.
///
/// There is one version of each name, in every range that is asked for, and so for all
/// dependencies. New versions are preferred to old ones: the newest of each name in its
/// ranges is chosen, unless their dependencies do not agree; then some have to be older,
/// and which of them is for the solver to say. A pre-release is chosen only where a range
/// names one of the same version. Equal questions have equal answers.
///
/// Known releases that are not [sound](Release::check) are left out; of two with the same
/// name and version, the one with the lesser home, then digest, counts.
///
/// The work that a resolver does in its life is bounded, because what is known comes from
/// elsewhere: it takes about a second at most, and what was asked before costs nothing
/// again.
pub struct Resolver<'a> {
    shelves: Shelves<'a>,
    answers: BTreeMap<Vec<String>, Result<Locked, Conflict>>,
    patience: usize,
    /// Why there may be more than is known.
    gap: Option<&'a str>,
}

impl<'a> Resolver<'a> {
    /// Rounds of the solver for one question. Twenty components in twelve versions each,
    /// with narrow ranges that hardly agree, were seen to take one to six thousand; those
    /// that agree take a few for each component.
    const PATIENCE: usize = 5_000;
    /// Rounds for all questions together.
    const PATIENCE_IN_ALL: usize = 2 * Self::PATIENCE;
    /// How many releases cost as much to look at as a round.
    const PER_ROUND: usize = 50;

    /// A resolver that chooses from these releases, which may be in any order.
    #[must_use]
    pub fn new(known: &'a [Arc<Release>]) -> Self {
        Self {
            shelves: Shelves::new(known),
            answers: BTreeMap::new(),
            patience: Self::PATIENCE_IN_ALL,
            gap: None,
        }
    }

    /// Not all that there is may be known, for that reason in a few words: code that is
    /// lacking is then said to be unknown rather than not to exist.
    #[must_use]
    pub fn with_gap(mut self, gap: Option<&'a str>) -> Self {
        self.gap = gap;
        self
    }

    /// Chooses releases for references, as [`split_reference`] takes them apart, in the
    /// order of the chain.
    ///
    /// # Errors
    /// [`Conflict`] explains which demands cannot be met together, or which code is not
    /// known; that components depend on each other in a circle, in the versions that were
    /// chosen; that there are more than [`Locked::MAX`]; or that the search was given up,
    /// because there is too much to choose from.
    pub fn lock(&mut self, references: &[&str]) -> Result<Locked, Conflict> {
        if references.is_empty() {
            return Ok(Locked::default());
        }
        let question: Vec<_> = references.iter().map(|&r| r.to_owned()).collect();
        if let Some(answer) = self.answers.get(&question) {
            return answer.clone();
        }
        let answer = self.solve(references);
        self.answers.insert(question, answer.clone());
        answer
    }

    fn solve(&mut self, references: &[&str]) -> Result<Locked, Conflict> {
        let mut wanted = Vec::new();
        for reference in references {
            let split = split_reference(reference);
            wanted.push(split.map_err(|error| Conflict::new(error.to_string()))?);
        }
        let patience = self.patience.min(Self::PATIENCE);
        let catalogue = Catalogue::new(&wanted, &self.shelves, patience)?;
        self.patience = self
            .patience
            .saturating_sub(catalogue.len() / Self::PER_ROUND);
        let requirements = catalogue.wanted().map(|set| Requirement::from(set).into());
        let problem = Problem::new().requirements(requirements.collect());
        let mut solver = Solver::new(catalogue);
        let solved = solver.solve(problem);
        let catalogue = solver.provider();
        let used = patience - catalogue.patience();
        self.patience = self.patience.saturating_sub(used);
        match solved {
            Ok(chosen) => {
                let chosen = chosen.into_iter().map(|id| catalogue.release(id));
                let chosen = chosen.map(|r| (r.name.as_str(), r)).collect();
                let names = wanted.iter().map(|(name, _)| *name);
                Locked::reachable(names, &chosen)
            }
            Err(UnsolvableOrCancelled::Unsolvable(conflict)) => Err(explain::explain(
                catalogue,
                &conflict.graph(&solver),
                self.gap,
            )),
            Err(UnsolvableOrCancelled::Cancelled(_)) => Err(Conflict::new(format!(
                "there are too many releases to choose from for {}; narrower ranges of \
                 versions help",
                explain::listed(references)
            ))),
        }
    }
}

/// Chooses releases for references, as [`Resolver::lock`] does.
///
/// # Errors
/// As [`Resolver::lock`].
pub fn lock(references: &[&str], known: &[Arc<Release>]) -> Result<Locked, Conflict> {
    Resolver::new(known).lock(references)
}

impl Locked {
    /// Greatest number of releases for one quality level.
    pub const MAX: usize = 64;
    /// The newest versions of each name that are considered.
    pub const MAX_VERSIONS: usize = 1000;

    /// What is reached of the chosen releases from those names, if it is in no circle.
    fn reachable<'a>(
        names: impl Iterator<Item = &'a str>,
        chosen: &BTreeMap<&str, &Arc<Release>>,
    ) -> Result<Self, Conflict> {
        if chosen.len() > Self::MAX {
            return Err(Conflict::new(format!(
                "{} components are needed with all that they depend on; at most {} are allowed",
                chosen.len(),
                Self::MAX
            )));
        }
        let mut locked = Self::default();
        for name in names {
            locked.reach(name, chosen, &mut Vec::new())?;
        }
        Ok(locked)
    }

    /// Adds a release and what it depends on. `path` leads to it from the first.
    fn reach<'a>(
        &mut self,
        name: &str,
        chosen: &BTreeMap<&str, &'a Arc<Release>>,
        path: &mut Vec<&'a Arc<Release>>,
    ) -> Result<(), Conflict> {
        if let Some(at) = path.iter().position(|r| r.name == name) {
            return Err(explain::circle(&path[at..]));
        }
        let release = chosen
            .get(name)
            .ok_or_else(|| Conflict::new(explain::unknown(name, None)))?;
        if self.0.contains_key(name) {
            return Ok(());
        }
        path.push(release);
        for dependency in release.dependencies.keys() {
            self.reach(dependency, chosen, path)?;
        }
        path.pop();
        self.0.insert(name.to_owned(), Arc::clone(release));
        Ok(())
    }

    /// The release of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Release>> {
        self.0.get(name)
    }

    /// All of them, as a plan carries them.
    #[must_use]
    pub fn releases(&self) -> Releases {
        self.0.values().cloned().collect()
    }

    /// The components of a stage as a plan has them: each reference to code becomes the
    /// `name@version` that was chosen for it, and what it depends on stands right behind
    /// it, towards the server, without settings: its first dependency in the order of
    /// the alphabet, then what that depends on, then the second one. What is in the
    /// stage already, wherever it stands, is not inserted again.
    ///
    /// Code that nothing was chosen for stays as it is, and makes no
    /// [sound](crate::Plan::check) plan.
    #[must_use]
    pub fn chain(&self, components: &[Component]) -> Vec<Component> {
        let wasm = components.iter().filter(|c| c.runtime == Runtime::Wasm);
        let mut there: BTreeSet<&str> = wasm.map(|c| name_of(&c.name)).collect();
        let mut chain = Vec::with_capacity(components.len());
        for component in components {
            let release = match component.runtime {
                Runtime::Wasm => self.0.get(name_of(&component.name)),
                Runtime::Builtin | Runtime::Process => None,
            };
            let Some(release) = release else {
                chain.push(component.clone());
                continue;
            };
            chain.push(Component {
                name: release.reference(),
                ..component.clone()
            });
            self.append_dependencies(release, &mut there, &mut chain);
        }
        chain
    }

    fn append_dependencies<'a>(
        &'a self,
        release: &'a Release,
        there: &mut BTreeSet<&'a str>,
        chain: &mut Vec<Component>,
    ) {
        for name in release.dependencies.keys() {
            if let Some(dependency) = self.0.get(name)
                && there.insert(name)
            {
                chain.push(Component {
                    name: dependency.reference(),
                    runtime: Runtime::Wasm,
                    config: BTreeMap::new(),
                });
                self.append_dependencies(dependency, there, chain);
            }
        }
    }
}

/// The name in a reference.
fn name_of(reference: &str) -> &str {
    reference
        .split_once('@')
        .map_or(reference, |(name, _)| name)
}
