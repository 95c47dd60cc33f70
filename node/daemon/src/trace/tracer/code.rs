//! What agents wait for beside the path beyond: components that start, and code that comes.

use std::sync::Arc;

use waybook_agents::{PlanVisitor, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, FetchId, InstanceId};
use waybook_place::{Instant, Place};
use waybook_plan::Release;

use super::super::kept::Kept;
use super::super::setup::Setup;
use super::super::span::{Note, Span, SpanId, SpanKind};
use super::Tracer;

impl Tracer {
    /// A component is to be started.
    pub(super) fn starts(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        instance: InstanceId,
        component: &str,
        session: SessionId,
    ) {
        if let Some(seen) = self.agents.get(&session)
            && let Some(setup) = kept.of(session)
        {
            let id = SpanId::of(session, &self.here, "start", instance.0);
            let component = component.to_owned();
            let kind = SpanKind::Start { component };
            let span = Span::new(id, Some(seen.visit), kind, Some(seen.number), now);
            self.starts.insert(instance, (session, setup.begin(span)));
        }
    }

    /// It answers there, or why not.
    pub(super) fn started(
        &mut self,
        now: Instant,
        instance: InstanceId,
        answers: Result<&String, &String>,
    ) {
        if let Some((session, span)) = self.starts.remove(&instance)
            && let Some(setup) = self.setups.lock().of(session)
        {
            if let Ok(endpoint) = answers {
                setup.note(span, now, Note::Answers(endpoint.clone()));
            }
            setup.finish(span, now, answers.err().cloned());
        }
    }

    /// It need not start any more.
    pub(super) fn stops(&mut self, now: Instant, kept: &mut Kept, instance: InstanceId) {
        if let Some((session, span)) = self.starts.remove(&instance)
            && let Some(setup) = kept.of(session)
        {
            setup.finish(span, now, Some("given up".to_owned()));
        }
    }

    /// Code begins to come; every agent here that needs it waits for it.
    pub(super) fn fetches(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        fetch: FetchId,
        release: &Arc<Release>,
        source: &PlaceName,
        place: &Place,
    ) {
        self.fetches
            .insert(fetch, (Arc::clone(release), source.clone()));
        let mut waiting = Vec::new();
        for (session, seen) in &self.agents {
            let Some(agent) = place.agent(*session) else {
                continue;
            };
            if agent.state() == State::Waiting
                && needs(agent, release)
                && let Some(setup) = kept.of(*session)
            {
                waiting.push(download(
                    now, setup, &self.here, fetch, release, source, seen.visit,
                ));
            }
        }
        self.downloads.insert(fetch, waiting);
    }

    /// Code need not come any more.
    pub(super) fn gives_up(&mut self, now: Instant, kept: &mut Kept, fetch: FetchId) {
        self.fetches.remove(&fetch);
        for (session, span) in self.downloads.remove(&fetch).unwrap_or_default() {
            if let Some(setup) = kept.of(session) {
                setup.finish(span, now, Some("given up".to_owned()));
            }
        }
    }

    /// Code has come, or why not.
    pub(super) fn fetched(&mut self, now: Instant, fetch: FetchId, problem: Option<&str>) {
        self.fetches.remove(&fetch);
        let waiting = self.downloads.remove(&fetch).unwrap_or_default();
        let mut kept = self.setups.lock();
        for (session, span) in waiting {
            if let Some(setup) = kept.of(session) {
                setup.finish(span, now, problem.map(str::to_owned));
            }
        }
    }
}

/// Whether a component of the agent's stage is made of that code.
pub(super) fn needs(agent: &PlanVisitor, release: &Release) -> bool {
    let releases = &agent.plan().releases;
    let components = agent.stage().components.iter();
    let mut needed = components.filter_map(|component| releases.get(&component.name));
    needed.any(|needed| needed.digest == release.digest)
}

/// A session waits for code.
pub(super) fn download(
    now: Instant,
    setup: &mut Setup,
    here: &PlaceName,
    fetch: FetchId,
    release: &Release,
    from: &PlaceName,
    visit: SpanId,
) -> (SessionId, SpanId) {
    let session = setup.session.unwrap_or(SessionId(0));
    let id = SpanId::of(session, here, "download", fetch.0);
    let kind = SpanKind::Download {
        release: release.reference(),
        from: from.clone(),
    };
    let number = setup.span(visit).and_then(|span| span.visit);
    (
        session,
        setup.begin(Span::new(id, Some(visit), kind, number, now)),
    )
}

/// How a transfer failed, for people.
pub(super) fn said(failure: &FetchFailure) -> String {
    match failure {
        FetchFailure::Cut => "the connection to the source broke".to_owned(),
        FetchFailure::Slow => "the source was too slow".to_owned(),
        FetchFailure::NotHeld => "the source does not have it".to_owned(),
        FetchFailure::Lying(what) => format!("the source sent something else: {what}"),
        FetchFailure::Disk(why) => format!("it could not be written here: {why}"),
    }
}
