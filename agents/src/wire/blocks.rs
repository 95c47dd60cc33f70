//! Blocks: what stands behind a body because the body's layout is older than it.

use std::sync::Arc;

use serde::Serialize;
use waybook_plan::{Presentation, Release, Releases, Runtime, Solution, WhenCut};

use super::{WireError, read_body, shortened, write_value};
use crate::{DownloadStrategy, Message, PlanVisitor, SessionId, TraceContext, Withheld};

/// The tag of the block with a plan's releases.
const RELEASES: u16 = 1;
/// The tag of the block with the name of a download strategy.
const STRATEGY: u16 = 2;
/// The tag of the block that says that a set-up does not trace back.
const NO_TRACE_BACK: u16 = 3;
/// The tag of the block that says what becomes of sessions that are cut.
const WHEN_CUT: u16 = 4;
/// The tag of the block with the session whose place another one has taken.
const REPLACES: u16 = 5;
/// The tag of the block with the client's trace that a set-up is part of.
const TRACE: u16 = 6;
/// The tag of the block that says what operators keep from being booked.
const WITHHELD: u16 = 7;
/// Bytes of a tagged block before its content: tag, length.
const HEADER: usize = 6;

/// What stands in blocks behind a body, as it is written.
#[derive(Default)]
pub(super) struct Beside<'a> {
    releases: Option<&'a Releases>,
    strategy: Option<&'a str>,
    no_trace_back: bool,
    /// By the number of the solution, or the place in a list of presentations.
    when_cut: Vec<(u16, WhenCut)>,
    replaces: Option<SessionId>,
    trace: Option<TraceContext>,
    /// By the place in a list of summaries.
    withheld: Vec<(u16, &'a Withheld)>,
}

impl<'a> Beside<'a> {
    pub(super) fn message(message: &'a Message) -> Self {
        match message {
            Message::Visit(visit) => Self::agent(&visit.agent),
            Message::Survey { releases, .. } => Self {
                releases: Some(releases),
                ..Self::default()
            },
            Message::Download(agent) => Self {
                strategy: match &agent.strategy {
                    DownloadStrategy::Own(name) => Some(name),
                    _ => None,
                },
                ..Self::default()
            },
            Message::Index { entries, .. } => {
                Self::presentations(entries.iter().map(|entry| &*entry.presentation))
            }
            Message::Found { servers, .. } => {
                Self::presentations(servers.iter().map(|server| &*server.presentation))
            }
            Message::Summaries { places, .. } => {
                let withheld = (0..=u16::MAX).zip(places.iter().map(|place| &place.withheld));
                Self {
                    withheld: withheld.filter(|(_, what)| !what.is_nothing()).collect(),
                    ..Self::default()
                }
            }
            _ => Self::default(),
        }
    }

    pub(super) fn agent(agent: &'a PlanVisitor) -> Self {
        Self {
            no_trace_back: agent.no_trace_back(),
            trace: agent.trace(),
            ..Self::keeper(agent, None)
        }
    }

    /// Beside an agent that is established, and walks no more.
    pub(super) fn keeper(agent: &'a PlanVisitor, replaces: Option<SessionId>) -> Self {
        let plan = agent.plan();
        let when_cut = |s: &Arc<Solution>| (s.number.0, s.when_cut);
        Self {
            releases: Some(&plan.releases),
            when_cut: said(plan.solutions.iter().map(when_cut)),
            replaces,
            ..Self::default()
        }
    }

    pub(super) fn presentations(all: impl Iterator<Item = &'a Presentation>) -> Self {
        // What is beyond could not be named, nor be in one message.
        let numbered = (0..=u16::MAX).zip(all);
        Self {
            when_cut: said(numbered.map(|(number, one)| (number, one.when_cut))),
            ..Self::default()
        }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        if let Some(releases) = self.releases.filter(|releases| !releases.is_empty()) {
            let releases: Vec<&Release> = releases.iter().map(|release| &**release).collect();
            write(bytes, RELEASES, &releases);
        }
        if let Some(strategy) = self.strategy {
            write(bytes, STRATEGY, &strategy);
        }
        if self.no_trace_back {
            write(bytes, NO_TRACE_BACK, &());
        }
        if !self.when_cut.is_empty() {
            write(bytes, WHEN_CUT, &self.when_cut);
        }
        if let Some(replaces) = self.replaces {
            write(bytes, REPLACES, &replaces);
        }
        if let Some(trace) = self.trace {
            write(bytes, TRACE, &trace);
        }
        if !self.withheld.is_empty() {
            write(bytes, WITHHELD, &self.withheld);
        }
    }
}

/// Those that say anything.
fn said(all: impl Iterator<Item = (u16, WhenCut)>) -> Vec<(u16, WhenCut)> {
    all.filter(|(_, when_cut)| !when_cut.is_default()).collect()
}

fn write<T: Serialize>(bytes: &mut Vec<u8>, tag: u16, value: &T) {
    bytes.extend(tag.to_le_bytes());
    bytes.extend([0; 4]);
    write_value(bytes, value);
}

/// The blocks behind a body that this build knows, as they arrived.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    releases: Option<&'a [u8]>,
    strategy: Option<&'a [u8]>,
    no_trace_back: Option<&'a [u8]>,
    when_cut: Option<&'a [u8]>,
    replaces: Option<&'a [u8]>,
    trace: Option<&'a [u8]>,
    withheld: Option<&'a [u8]>,
}

impl<'a> Blocks<'a> {
    /// Takes apart all that stands behind a body. What is not known is skipped.
    pub(super) fn split(mut blocks: &'a [u8]) -> Result<Self, WireError> {
        let mut known = Self::default();
        while !blocks.is_empty() {
            let (header, rest) = blocks
                .split_first_chunk::<HEADER>()
                .ok_or(WireError::CutOff)?;
            let [tag_low, tag_high, length @ ..] = *header;
            let content;
            (content, blocks) = rest
                .split_at_checked(u32::from_le_bytes(length) as usize)
                .ok_or(WireError::CutOff)?;
            match u16::from_le_bytes([tag_low, tag_high]) {
                RELEASES => known.releases = Some(content),
                STRATEGY => known.strategy = Some(content),
                NO_TRACE_BACK => known.no_trace_back = Some(content),
                WHEN_CUT => known.when_cut = Some(content),
                REPLACES => known.replaces = Some(content),
                TRACE => known.trace = Some(content),
                WITHHELD => known.withheld = Some(content),
                _ => {}
            }
        }
        Ok(known)
    }

    /// Puts back into a message what was written beside it.
    pub(super) fn complete(&self, message: &mut Message) -> Result<(), WireError> {
        match message {
            Message::Visit(visit) => self.complete_agent(&mut visit.agent)?,
            Message::Survey {
                releases, stages, ..
            } => {
                *releases = self.releases()?;
                let sound = releases.check();
                sound.map_err(|e| WireError::Body(e.to_string()))?;
                let mut components = stages.iter().flat_map(|stage| &stage.components);
                let code = components
                    .find(|c| c.runtime == Runtime::Wasm && releases.get(&c.name).is_none());
                if let Some(component) = code {
                    let what = format!("it has no release of `{}`", component.name);
                    return Err(WireError::Body(shortened(what)));
                }
            }
            Message::Download(agent) => {
                if let Some(name) = self.strategy()? {
                    agent.strategy = DownloadStrategy::Own(name);
                }
            }
            Message::Index { entries, .. } => {
                for (number, when_cut) in self.when_cut()? {
                    if let Some(entry) = entries.get_mut(usize::from(number)) {
                        Arc::make_mut(&mut entry.presentation).when_cut = when_cut;
                    }
                }
            }
            Message::Found { servers, .. } => {
                for (number, when_cut) in self.when_cut()? {
                    if let Some(server) = servers.get_mut(usize::from(number)) {
                        Arc::make_mut(&mut server.presentation).when_cut = when_cut;
                    }
                }
            }
            Message::Summaries { places, .. } => {
                for (number, withheld) in self.withheld()? {
                    if let Some(place) = places.get_mut(usize::from(number)) {
                        place.withheld = withheld;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts back into an agent what was written beside it.
    pub(super) fn complete_agent(&self, agent: &mut PlanVisitor) -> Result<(), WireError> {
        agent.set_releases(self.releases()?);
        let no_trace_back = self.no_trace_back.map(read_body::<()>).transpose()?;
        agent.set_no_trace_back(no_trace_back.is_some());
        agent.set_trace(self.trace()?);
        for (number, when_cut) in self.when_cut()? {
            agent.set_when_cut(waybook_plan::SolutionNumber(number), when_cut);
        }
        Ok(())
    }

    pub(super) fn complete_presentation(&self, one: &mut Presentation) -> Result<(), WireError> {
        if let Some((_, when_cut)) = self.when_cut()?.first() {
            one.when_cut = *when_cut;
        }
        Ok(())
    }

    pub(super) fn replaces(&self) -> Result<Option<SessionId>, WireError> {
        self.replaces.map(read_body).transpose()
    }

    fn trace(&self) -> Result<Option<TraceContext>, WireError> {
        let trace: Option<TraceContext> = self.trace.map(read_body).transpose()?;
        match trace {
            Some(trace) if !trace.is_valid() => {
                Err(WireError::Body("a trace has no number".to_owned()))
            }
            trace => Ok(trace),
        }
    }

    fn releases(&self) -> Result<Arc<Releases>, WireError> {
        let Some(content) = self.releases else {
            return Ok(Arc::default());
        };
        let releases: Vec<Arc<Release>> = read_body(content)?;
        Ok(Arc::new(releases.into_iter().collect()))
    }

    /// The name of a strategy that does not come with Waybook.
    fn strategy(&self) -> Result<Option<String>, WireError> {
        let Some(content) = self.strategy else {
            return Ok(None);
        };
        let name: String = read_body(content)?;
        match DownloadStrategy::named(&name) {
            DownloadStrategy::Own(name) if name.len() <= DownloadStrategy::MAX_NAME => {
                Ok(Some(name))
            }
            DownloadStrategy::Own(name) => Err(WireError::Body(format!(
                "the name of a download strategy has {} bytes; at most {} are allowed",
                name.len(),
                DownloadStrategy::MAX_NAME
            ))),
            shipped => Err(WireError::Body(format!(
                "the body does not say the download strategy `{shipped}`"
            ))),
        }
    }

    fn withheld(&self) -> Result<Vec<(u16, Withheld)>, WireError> {
        self.withheld.map_or(Ok(Vec::new()), read_body)
    }

    fn when_cut(&self) -> Result<Vec<(u16, WhenCut)>, WireError> {
        let Some(content) = self.when_cut else {
            return Ok(Vec::new());
        };
        let all: Vec<(u16, WhenCut)> = read_body(content)?;
        for (_, when_cut) in &all {
            let sound = when_cut.check();
            sound.map_err(|why| WireError::Body(format!("lost-after: {why}")))?;
        }
        Ok(all)
    }
}
