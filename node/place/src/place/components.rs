//! The component manager: what is active here, for whom, and where it answers.
//!
//! It remembers, and encapsulates no strategy: what runs for a session is what its
//! visitor asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{ComponentReport, SessionId};
use waybook_plan::{Component, Runtime};

use crate::Instant;
use crate::io::{InstanceId, Output};

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

#[derive(Debug)]
struct Instance {
    component: Component,
    onward: Onward,
    users: BTreeSet<SessionId>,
    started: Instant,
    /// Where it answers, and how long it took; none while it starts.
    up: Option<(String, Duration)>,
}

/// One component of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) instance: InstanceId,
    /// Whether it ran already when the session came.
    pub(super) shared: bool,
}

#[derive(Debug, Default)]
pub(super) struct Components {
    next: u64,
    instances: BTreeMap<InstanceId, Instance>,
    by_key: BTreeMap<(Component, Onward), InstanceId>,
}

impl Components {
    /// Sees to it that the components run for the session; starts those that do not run
    /// yet. `goes_on` tells whether the path goes on to another place.
    pub(super) fn acquire(
        &mut self,
        session: SessionId,
        components: &[Component],
        goes_on: bool,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Vec<Use> {
        let mut onward = if goes_on {
            Onward::Session(session)
        } else {
            Onward::End
        };
        let mut uses = Vec::with_capacity(components.len());
        for component in components.iter().rev() {
            let key = (component.clone(), onward);
            let found = self.by_key.get(&key).copied();
            let id = found.unwrap_or_else(|| {
                self.next += 1;
                let id = InstanceId(self.next);
                let (component, users) = (component.clone(), BTreeSet::new());
                out.push(Output::Start {
                    instance: id,
                    component: component.clone(),
                    release: None,
                    session,
                });
                self.instances.insert(
                    id,
                    Instance {
                        component,
                        onward,
                        users,
                        started: now,
                        up: None,
                    },
                );
                self.by_key.insert(key, id);
                id
            });
            if let Some(instance) = self.instances.get_mut(&id) {
                instance.users.insert(session);
            }
            uses.push(Use {
                instance: id,
                shared: found.is_some(),
            });
            onward = Onward::Instance(id);
        }
        uses.reverse();
        uses
    }

    /// The session no longer needs these; what nobody needs is stopped.
    pub(super) fn release(&mut self, session: SessionId, uses: &[Use], out: &mut Vec<Output>) {
        for one in uses {
            let Some(instance) = self.instances.get_mut(&one.instance) else {
                continue;
            };
            instance.users.remove(&session);
            if instance.users.is_empty() {
                self.remove(one.instance);
                out.push(Output::Stop {
                    instance: one.instance,
                });
            }
        }
    }

    /// An instance answers; the sessions that it runs for.
    pub(super) fn up(&mut self, id: InstanceId, endpoint: String, now: Instant) -> Vec<SessionId> {
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        instance.up = Some((endpoint, now.since(instance.started)));
        instance.users.iter().copied().collect()
    }

    /// An instance is gone; what it was, and for which sessions.
    pub(super) fn failed(&mut self, id: InstanceId) -> Option<(Component, Vec<SessionId>)> {
        let instance = self.remove(id)?;
        Some((instance.component, instance.users.into_iter().collect()))
    }

    pub(super) fn are_up(&self, uses: &[Use]) -> bool {
        uses.iter().all(|u| {
            self.instances
                .get(&u.instance)
                .is_some_and(|i| i.up.is_some())
        })
    }

    pub(super) fn reports(&self, uses: &[Use]) -> Vec<ComponentReport> {
        let report = |one: &Use| {
            let instance = self.instances.get(&one.instance)?;
            let (endpoint, took) = instance.up.clone().unwrap_or_default();
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
        self.by_key
            .remove(&(instance.component.clone(), instance.onward));
        Some(instance)
    }
}

/// Why a component cannot run at this place, if it cannot.
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
        Runtime::Wasm => Some("the place has no such runtime".to_owned()),
        Runtime::Builtin | Runtime::Process => None,
    }
}
