//! The runtime `wasm`: components that were brought to this place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use waybook_agents::SessionId;
use waybook_place::io::InstanceId;
use waybook_plan::Release;
use waybook_wasm::{Budget, CallFailure, Instances, Next, Source, Stream, Unsent};

use super::super::chain::{Answer, NextHop};
use super::super::plane::Plane;
use super::super::problem::{ProblemKind, problem};
use super::super::{DataConfig, WasmConfig};
use super::outgoing::{NoResponse, Outgoing};
use super::{Booked, Running, Runtime, Started, Starting};
use crate::{Body, Start};

/// Settings of a presentation that begin so are for the place, not for the component.
const OURS: &str = "waybook.";
/// How many instances a component may have at once: `one`, or a number.
const INSTANCES: &str = "waybook.instances";
/// How many requests an instance answers.
const REUSE: &str = "waybook.reuse";

/// Starts components.
pub(super) struct Components {
    config: Option<WasmConfig>,
    outgoing: Outgoing,
}

impl Components {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self {
            config: config.wasm.clone(),
            outgoing: Outgoing::new(&config.limits),
        }
    }

    async fn start_release(&self, starting: Starting, start: Start) -> Result<Started, String> {
        let config = self.config.as_ref();
        let config = config.ok_or("this place runs no WebAssembly components")?;
        let release = start.release.ok_or("the plan has no release of it")?;
        let file = config.files.file(release.digest).await?;
        let code = config
            .engine
            .load(release.digest.0, Source::Path(file))
            .await
            .map_err(|error| error.to_string())?;
        let mut settings = start.component.config;
        let instances = instances(settings.get(INSTANCES).map(String::as_str))?;
        let reuse = reuse(settings.get(REUSE).map(String::as_str))?;
        settings.retain(|key, _| !key.starts_with(OURS));
        let budget = Budget::new(config.memory, config.cpu);
        let component = config
            .engine
            .start(
                code,
                waybook_wasm::Start {
                    name: release.reference(),
                    config: settings,
                    budget: Arc::clone(&budget),
                    memory: None,
                    instances,
                    reuse,
                    next: Arc::new(After {
                        plane: Arc::clone(&starting.plane),
                        instance: starting.instance,
                    }),
                    hosts: config.hosts.clone(),
                    outgoing: Arc::new(Elsewhere(self.outgoing.clone())),
                    log: Arc::new(Log {
                        session: start.session,
                        instance: starting.instance,
                        release: Arc::clone(&release),
                    }),
                },
            )
            .await?;
        let ending = Arc::clone(&component);
        starting.plane.tasks.spawn(async move {
            starting.cancel.cancelled().await;
            ending.stop();
        });
        Ok(Started {
            running: Arc::new(Component {
                component,
                budget,
                unbooked: (config.memory, config.cpu),
            }),
            endpoint: format!("wasm:{} {}", release.reference(), release.digest.short()),
        })
    }
}

fn instances(wanted: Option<&str>) -> Result<Instances, String> {
    match wanted {
        None => Ok(Instances::Pool),
        Some("one") => Ok(Instances::Keep),
        Some(text) => match text.parse() {
            Ok(most) if most > 0 => Ok(Instances::UpTo(most)),
            _ => Err(format!(
                "the setting `{INSTANCES}` is `{text}`; write `one`, or how many there may be"
            )),
        },
    }
}

fn reuse(wanted: Option<&str>) -> Result<Option<usize>, String> {
    let Some(text) = wanted else { return Ok(None) };
    match text.parse() {
        Ok(most) if most > 0 => Ok(Some(most)),
        _ => Err(format!(
            "the setting `{REUSE}` is `{text}`; write how many requests an instance may answer"
        )),
    }
}

impl Runtime for Components {
    fn start(
        &self,
        starting: Starting,
        start: Start,
    ) -> Pin<Box<dyn Future<Output = Result<Started, String>> + Send + '_>> {
        Box::pin(self.start_release(starting, start))
    }
}

/// A component that runs.
struct Component {
    component: Arc<waybook_wasm::Component>,
    budget: Arc<Budget>,
    /// Memory and processor share where nothing is booked.
    unbooked: (u64, u32),
}

impl Running for Component {
    fn call(&self, request: Request<Body>, next: NextHop) -> Answer {
        let component = Arc::clone(&self.component);
        Box::pin(async move {
            match component.call(request).await {
                Ok(response) => response,
                Err(failure) => problem(next.place(), kind(&failure), &failure.to_string()),
            }
        })
    }

    fn is_metered(&self) -> bool {
        true
    }

    fn book(&self, booked: Booked) {
        let (memory, cpu) = self.unbooked;
        self.budget.set_memory(booked.memory.unwrap_or(memory));
        let booked_cpu = booked.cpu.map(|cpu| u32::try_from(cpu).unwrap_or(u32::MAX));
        self.budget.set_processor(booked_cpu.unwrap_or(cpu));
    }
}

fn kind(failure: &CallFailure) -> ProblemKind {
    match failure {
        CallFailure::Trapped(_)
        | CallFailure::OutOfMemory
        | CallFailure::Refused(_)
        | CallFailure::NoResponse => ProblemKind::ComponentFailed,
        CallFailure::TimedOut(_) => ProblemKind::ComponentTimeout,
        CallFailure::TooManyRequests(_) => ProblemKind::TooManyRequests,
        CallFailure::BadRequest(_) => ProblemKind::BadRequest,
        CallFailure::Busy(_)
        | CallFailure::NotStarted(_)
        | CallFailure::BackingOff { .. }
        | CallFailure::Stopped => ProblemKind::ComponentUnavailable,
    }
}

/// What comes after a component on the path of the session that it serves.
struct After {
    plane: Arc<Plane>,
    instance: InstanceId,
}

impl Next for After {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let (plane, instance) = (Arc::clone(&self.plane), self.instance);
        Box::pin(async move { NextHop::from_inside(&plane, instance, request).await })
    }
}

/// Hosts elsewhere, which the operator allows.
struct Elsewhere(Outgoing);

impl waybook_wasm::Outgoing for Elsewhere {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Unsent>> {
        let outgoing = self.0.clone();
        Box::pin(async move {
            outgoing.send(request).await.map_err(|none| match none {
                NoResponse::NotConnected(why) => Unsent::NotConnected(why),
                NoResponse::Broken(why) => Unsent::Broken(why),
                NoResponse::TimedOut(_) => Unsent::TimedOut,
            })
        })
    }
}

/// What a component prints, in the place's log.
struct Log {
    session: SessionId,
    instance: InstanceId,
    release: Arc<Release>,
}

impl waybook_wasm::Log for Log {
    fn line(&self, stream: Stream, line: &str) {
        let stream = match stream {
            Stream::Output => "stdout",
            Stream::Error => "stderr",
        };
        tracing::info!(
            session = %self.session,
            instance = self.instance.0,
            component = %self.release.reference(),
            stream,
            "{line}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_instances_is_a_setting() {
        assert_eq!(instances(None), Ok(Instances::Pool));
        assert_eq!(instances(Some("one")), Ok(Instances::Keep));
        assert_eq!(instances(Some("7")), Ok(Instances::UpTo(7)));
        for bad in ["0", "-1", "many", ""] {
            let why = instances(Some(bad)).unwrap_err();
            assert!(why.contains("waybook.instances"), "{why}");
        }
    }

    #[test]
    fn how_often_an_instance_is_used_is_a_setting() {
        assert_eq!(reuse(None), Ok(None));
        assert_eq!(reuse(Some("128")), Ok(Some(128)));
        for bad in ["0", "-1", "often", ""] {
            let why = reuse(Some(bad)).unwrap_err();
            assert!(why.contains("waybook.reuse"), "{why}");
        }
    }
}
