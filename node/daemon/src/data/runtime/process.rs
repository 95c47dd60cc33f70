//! The runtime `process`: ordinary server programs that the operator allows.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Request, Response};
use tokio::sync::{Semaphore, oneshot};
use waybook_location_tree::PlaceName;
use waybook_plan::Component;

use super::super::chain::{Answer, NextHop};
use super::super::problem::{ProblemKind, problem};
use super::super::{DataConfig, DataLimits, Program};
use super::leftovers::Notes;
use super::outgoing::{NoResponse, Outgoing};
use super::supervisor::{Ports, Supervisor};
use super::{Booked, Running, Runtime, Started, Starting, next_listener};
use crate::cgroup::Group;
use crate::{Body, Cgroups, Start};

/// The daemon's variables that programs get; its own settings and secrets are not theirs.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Starts allowed programs.
pub(super) struct Processes {
    programs: BTreeMap<String, Program>,
    limits: DataLimits,
    ports: Ports,
    notes: Notes,
    /// What binds them; none if nothing does.
    cgroups: Option<Arc<Cgroups>>,
    /// Bounds how many run at one time.
    room: Arc<Semaphore>,
}

impl Processes {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self {
            programs: config.programs.clone(),
            limits: config.limits.clone(),
            ports: Ports::default(),
            notes: Notes::take_over(config.notes.as_deref()),
            cgroups: config.cgroups.clone(),
            room: Arc::new(Semaphore::new(config.limits.programs)),
        }
    }

    async fn start_program(
        &self,
        starting: Starting,
        component: Component,
        booked: Booked,
    ) -> Result<Started, String> {
        let name = component.name;
        let program = self
            .programs
            .get(&name)
            .ok_or_else(|| format!("this place does not allow the program `{name}`"))?;
        let most = self.limits.programs;
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| format!("limit `programs` = {most} is reached"))?;
        let next = next_listener::open(&starting)
            .await
            .map_err(|error| format!("no address for NEXT: {error}"))?;
        let mut env: BTreeMap<String, String> = INHERITED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        env.extend(program.env.clone());
        for (key, value) in &component.config {
            env.insert(format!("WAYBOOK_CONFIG_{}", variable(key)), value.clone());
        }
        env.insert("NEXT".to_owned(), format!("http://{next}"));
        let instance = starting.instance.0;
        let group = self.cgroups.as_ref().map(|groups| {
            let group = groups.group(instance)?;
            group.bound(booked.memory, booked.cpu)?;
            Ok::<_, io::Error>(group)
        });
        let group = group
            .transpose()
            .map_err(|error| format!("no group that binds it to what is booked: {error}"))?;
        let tasks = starting.plane.tasks.clone();
        let supervisor = Supervisor {
            name: name.clone(),
            program: program.clone(),
            env,
            ports: self.ports.clone(),
            notes: self.notes.clone(),
            outgoing: Outgoing::new(&self.limits),
            group: group.clone(),
            starting,
        };
        let (up, is_up) = oneshot::channel();
        tasks.spawn(async move {
            supervisor.run(up).await;
            drop(room);
        });
        let address = is_up
            .await
            .map_err(|_| format!("`{name}` was stopped before it was ready"))??;
        let process = Process::new(&name, address, &self.limits, group)?;
        Ok(Started {
            running: Arc::new(process),
            endpoint: format!("http://{address}"),
        })
    }
}

/// A setting's key as part of a variable's name.
fn variable(key: &str) -> String {
    key.chars()
        .map(|one| match one {
            'a'..='z' | 'A'..='Z' | '0'..='9' => one.to_ascii_uppercase(),
            _ => '_',
        })
        .collect()
}

impl Runtime for Processes {
    fn start(
        &self,
        starting: Starting,
        start: Start,
    ) -> Pin<Box<dyn Future<Output = Result<Started, String>> + Send + '_>> {
        Box::pin(self.start_program(starting, start.component, start.booked))
    }
}

/// A program that has been ready once, and is restarted at the same address.
struct Process {
    name: String,
    authority: Authority,
    outgoing: Outgoing,
    group: Option<Arc<Group>>,
}

impl Process {
    fn new(
        name: &str,
        address: SocketAddr,
        limits: &DataLimits,
        group: Option<Arc<Group>>,
    ) -> Result<Self, String> {
        let authority = Authority::try_from(address.to_string());
        Ok(Self {
            name: name.to_owned(),
            authority: authority.map_err(|error| error.to_string())?,
            outgoing: Outgoing::new(limits),
            group,
        })
    }
}

impl Running for Process {
    fn is_metered(&self) -> bool {
        self.group.is_some()
    }

    fn book(&self, booked: Booked) {
        let Some(group) = &self.group else { return };
        // What is not booked is not bounded: nobody has said what the program needs.
        if let Err(error) = group.bound(booked.memory, booked.cpu) {
            tracing::error!(program = self.name, %error, "a program is not held to what is booked for it");
        }
    }

    fn call(&self, mut request: Request<Body>, next: NextHop) -> Answer {
        let (name, outgoing) = (self.name.clone(), self.outgoing.clone());
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        Box::pin(async move {
            let here = next.place();
            match Uri::from_parts(parts) {
                Ok(uri) => *request.uri_mut() = uri,
                Err(error) => return problem(here, ProblemKind::BadRequest, &error.to_string()),
            }
            match outgoing.send(request).await {
                Ok(response) => response,
                Err(error) => no_response(here, &name, error),
            }
        })
    }
}

fn no_response(here: &PlaceName, name: &str, error: NoResponse) -> Response<Body> {
    match error {
        NoResponse::NotConnected(why) => {
            let detail = format!("`{name}` does not answer, it may be restarting: {why}");
            problem(here, ProblemKind::ComponentUnavailable, &detail)
        }
        NoResponse::Broken(why) => {
            let detail = format!("`{name}` broke off: {why}");
            problem(here, ProblemKind::ComponentFailed, &detail)
        }
        NoResponse::TimedOut(after) => {
            let detail = format!("`{name}` did not answer within {after:?}");
            problem(here, ProblemKind::ComponentTimeout, &detail)
        }
    }
}
