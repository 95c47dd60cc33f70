//! The component manager: what is active here, for whom, and where it answers.
//!
//! It remembers, and encapsulates no strategy: what runs for a session is what its
//! visitor asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{ComponentReport, SessionId};
use waybook_plan::{Component, Digest, Release, Releases, Runtime};

use super::downloads::Claim;
use crate::Instant;
use crate::io::{Booked, InstanceId, Output};
use crate::lazy::Empty;

/// What an instance leads to. Only instances that are equal in this too are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Onward {
    /// Nothing: it is the server at the end of the path.
    End,
    /// Another instance here.
    Instance(InstanceId),
    /// The next place, on behalf of one session.
    Session(SessionId),
}

#[derive(Debug, Clone)]
struct Instance {
    component: Component,
    /// The code that it runs; none for what is not brought along.
    release: Option<Arc<Release>>,
    onward: Onward,
    users: BTreeSet<SessionId>,
    /// What the session that first wished for it has booked here.
    booked: Booked,
    /// When it was first wished for.
    since: Instant,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Its code is not here yet.
    Waiting,
    Starting,
    /// Where it answers, and how long it took.
    Up(String, Duration),
}

/// One component of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) instance: InstanceId,
    /// Whether it ran already when the session came.
    pub(super) shared: bool,
    /// How many bytes of its code were here when the session came.
    pub(super) before: u64,
}

/// What a session needs to run.
pub(super) struct Needs<'a> {
    pub(super) session: SessionId,
    pub(super) components: &'a [Component],
    pub(super) releases: &'a Releases,
    /// Whether its path goes on to another place.
    pub(super) goes_on: bool,
    pub(super) booked: Booked,
}

/// What tells instances apart, so that equal ones are shared.
type Sharing = (Component, Option<Claim>, Onward);

/// An instance of code that nobody needs any more, or that failed.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) instance: InstanceId,
    pub(super) release: Arc<Release>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Components {
    next: u64,
    instances: BTreeMap<InstanceId, Instance>,
    by_key: BTreeMap<Sharing, InstanceId>,
}

impl Empty for Components {
    const EMPTY: &'static Self = &Self {
        next: 0,
        instances: BTreeMap::new(),
        by_key: BTreeMap::new(),
    };
}

impl Components {
    /// Sees to it that the components run for the session; starts those that do not run
    /// yet, but for those whose code is brought along: these are listed, and wait to be
    /// [started](Self::start).
    pub(super) fn acquire(
        &mut self,
        needs: &Needs<'_>,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> (Vec<Use>, Vec<(InstanceId, Arc<Release>)>) {
        let &Needs {
            session,
            components,
            releases,
            goes_on,
            booked,
        } = needs;
        let mut onward = if goes_on {
            Onward::Session(session)
        } else {
            Onward::End
        };
        let mut uses = Vec::with_capacity(components.len());
        let mut waiting = Vec::new();
        for component in components.iter().rev() {
            let release = match component.runtime {
                Runtime::Wasm => releases.get(&component.name).cloned(),
                Runtime::Builtin | Runtime::Process => None,
            };
            let claim = release.as_deref().map(Claim::of);
            let key = (component.clone(), claim, onward);
            let found = self.by_key.get(&key).copied();
            let id = found.unwrap_or_else(|| {
                self.next += 1;
                let id = InstanceId(self.next);
                let instance = Instance {
                    component: component.clone(),
                    release: release.clone(),
                    onward,
                    users: BTreeSet::from([session]),
                    booked,
                    since: now,
                    state: State::Waiting,
                };
                self.instances.insert(id, instance);
                self.by_key.insert(key, id);
                match release {
                    Some(release) => waiting.push((id, release)),
                    None => self.start(id, out),
                }
                id
            });
            if let Some(instance) = self.instances.get_mut(&id) {
                instance.users.insert(session);
            }
            uses.push(Use {
                instance: id,
                shared: found.is_some(),
                before: 0,
            });
            onward = Onward::Instance(id);
        }
        uses.reverse();
        (uses, waiting)
    }

    /// Starts an instance that waits; its code is here.
    pub(super) fn start(&mut self, id: InstanceId, out: &mut Vec<Output>) {
        let Some(instance) = self.instances.get_mut(&id) else {
            return;
        };
        let Some(session) = instance.users.first() else {
            return;
        };
        instance.state = State::Starting;
        out.push(Output::Start {
            instance: id,
            component: instance.component.clone(),
            release: instance.release.clone(),
            session: *session,
            booked: instance.booked,
        });
    }

    /// The code that an instance waits for, if it waits for any.
    pub(super) fn awaited(&self, id: InstanceId) -> Option<&Arc<Release>> {
        let instance = self.instances.get(&id)?;
        let release = instance.release.as_ref()?;
        matches!(instance.state, State::Waiting).then_some(release)
    }

    /// The sessions that an instance runs for.
    pub(super) fn users(&self, id: InstanceId) -> impl Iterator<Item = SessionId> {
        let users = self.instances.get(&id).map(|i| &i.users);
        users.into_iter().flatten().copied()
    }

    /// The sessions for which that code runs, or is to run.
    pub(super) fn users_of(&self, digest: &Digest) -> BTreeSet<SessionId> {
        let runs = |i: &&Instance| i.release.as_ref().is_some_and(|r| r.digest == *digest);
        let instances = self.instances.values().filter(runs);
        instances.flat_map(|i| i.users.iter().copied()).collect()
    }

    /// The session no longer needs these; what nobody needs is stopped. Lists what of it
    /// was brought along.
    pub(super) fn release(
        &mut self,
        session: SessionId,
        uses: &[Use],
        out: &mut Vec<Output>,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        for one in uses {
            let Some(instance) = self.instances.get_mut(&one.instance) else {
                continue;
            };
            instance.users.remove(&session);
            if !instance.users.is_empty() {
                continue;
            }
            let waits = self.awaited(one.instance).is_some();
            let instance = self.remove(one.instance);
            if !waits {
                out.push(Output::Stop {
                    instance: one.instance,
                });
            }
            if let Some(release) = instance.and_then(|i| i.release) {
                ended.push(Ended {
                    instance: one.instance,
                    release,
                });
            }
        }
        ended
    }

    /// An instance answers; the sessions that it runs for.
    pub(super) fn up(&mut self, id: InstanceId, endpoint: String, now: Instant) -> Vec<SessionId> {
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        if matches!(instance.state, State::Waiting) {
            return Vec::new();
        }
        instance.state = State::Up(endpoint, now.since(instance.since));
        instance.users.iter().copied().collect()
    }

    /// An instance is gone; what it was, for which sessions, and with which code.
    pub(super) fn failed(
        &mut self,
        id: InstanceId,
    ) -> Option<(Component, Vec<SessionId>, Option<Ended>)> {
        let gone = self.remove(id)?;
        let ended = gone.release.map(|release| Ended {
            instance: id,
            release,
        });
        Some((gone.component, gone.users.into_iter().collect(), ended))
    }

    pub(super) fn are_up(&self, uses: &[Use]) -> bool {
        uses.iter().all(|u| {
            self.instances
                .get(&u.instance)
                .is_some_and(|i| matches!(i.state, State::Up(..)))
        })
    }

    pub(super) fn reports(&self, uses: &[Use]) -> Vec<ComponentReport> {
        let report = |one: &Use| {
            let instance = self.instances.get(&one.instance)?;
            let (endpoint, took) = match &instance.state {
                State::Up(endpoint, took) => (endpoint.clone(), *took),
                State::Waiting | State::Starting => Default::default(),
            };
            Some(ComponentReport {
                name: instance.component.name.clone(),
                endpoint,
                shared: one.shared,
                took: if one.shared { Duration::ZERO } else { took },
            })
        };
        uses.iter().filter_map(report).collect()
    }

    fn remove(&mut self, id: InstanceId) -> Option<Instance> {
        let instance = self.instances.remove(&id)?;
        let claim = instance.release.as_deref().map(Claim::of);
        self.by_key
            .remove(&(instance.component.clone(), claim, instance.onward));
        Some(instance)
    }
}

/// Why a component that the place has itself cannot run there, if it cannot.
pub(super) fn unavailable(component: &Component, programs: &[String]) -> Option<String> {
    const BUILTINS: [&str; 3] = ["files", "upstream", "relay"];
    match component.runtime {
        Runtime::Builtin if !BUILTINS.contains(&component.name.as_str()) => Some(format!(
            "there is no such builtin; there are {}",
            BUILTINS.join(", ")
        )),
        Runtime::Process if !programs.contains(&component.name) => {
            Some("the place's configuration allows no program of that name".to_owned())
        }
        Runtime::Builtin | Runtime::Process | Runtime::Wasm => None,
    }
}
