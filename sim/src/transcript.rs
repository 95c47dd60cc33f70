//! The log of a run: what every place was told and what it did, one line each.

use std::collections::VecDeque;
use std::fmt::{self, Write};

use waybook_agents::{Envelope, Feed, Message, Refusal, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::{CodeOrder, Input, Outcome, Output};

/// FNV-1a over 64 bits: tells runs apart, and proves nothing against a forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// The digest of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes to what is digested.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The digest of all that was added.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

/// The log. It digests every line, and keeps the last ones for whoever has to find out
/// what went wrong.
#[derive(Debug)]
pub struct Transcript {
    keep: usize,
    lines: VecDeque<String>,
    digest: Digest,
    count: u64,
}

impl Transcript {
    /// A log that keeps the last `keep` lines.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            lines: VecDeque::new(),
            digest: Digest::new(),
            count: 0,
        }
    }

    /// Keeps so many lines from now on.
    pub(crate) fn keep(&mut self, lines: usize) {
        self.keep = lines;
        let gone = self.lines.len().saturating_sub(lines);
        self.lines.drain(..gone);
    }

    /// Writes a line about a place.
    pub fn write(&mut self, now: Instant, place: &PlaceName, what: fmt::Arguments<'_>) {
        let mut line = String::new();
        let ms = now.0 / 1_000_000;
        let us = now.0 / 1000 % 1000;
        let _ = write!(line, "{ms:6}.{us:03}ms {place:<10} {what}");
        self.digest.add(line.as_bytes());
        self.count += 1;
        if self.lines.len() >= self.keep {
            self.lines.pop_front();
        }
        if self.keep > 0 {
            self.lines.push_back(line);
        }
    }

    /// Digests bytes that no line shows in full, such as those of a message.
    pub fn add(&mut self, bytes: &[u8]) {
        self.digest.add(bytes);
    }

    /// Equal for equal runs; different, but for bad luck, for different ones.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// How many lines have been written.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last lines, at most `n` and at most as many as are kept.
    #[must_use]
    pub fn tail(&self, n: usize) -> String {
        let skip = self.lines.len().saturating_sub(n);
        let mut text = String::new();
        for line in self.lines.iter().skip(skip) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// A session in few letters.
#[must_use]
pub fn short(session: SessionId) -> String {
    format!("{:06x}", session.0 >> 104)
}

fn feeds(feeds: &[Feed]) -> String {
    let mut text = String::new();
    for feed in feeds {
        let _ = write!(text, " {}#{}", short(feed.session), feed.number);
    }
    text
}

fn refusals(refused: &[Refusal]) -> String {
    let texts: Vec<_> = refused.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// A message in one line.
#[must_use]
pub fn describe_message(envelope: &Envelope) -> String {
    let kind = envelope.message.kind();
    match &envelope.message {
        Message::VisitAck(f)
        | Message::Release(f)
        | Message::ReleaseAck(f)
        | Message::Confirm(f)
        | Message::ConfirmAck(f)
        | Message::Gone(f) => format!("{kind}{}", feeds(&[*f])),
        Message::Visit(visit) => format!("{kind}, {:?} left", visit.remaining),
        Message::Ready(m) => format!(
            "{kind} {}#{} with solution {}",
            short(m.session),
            m.number,
            m.solution
        ),
        Message::Refuse(m) => format!(
            "{kind} {}#{}, next {:?}: {}",
            short(m.session),
            m.number,
            m.next.map(|n| n.0),
            refusals(&m.refused)
        ),
        Message::Refresh {
            setups,
            established,
        } => format!(
            "{kind} setups{} established{}",
            feeds(setups),
            feeds(established)
        ),
        Message::Working(f) => format!("{kind}{}", feeds(f)),
        Message::Resync { sessions, .. } => format!("{kind}{}", feeds(sessions)),
        Message::Progress(p) => {
            format!("{kind} {}: {} {:?}", short(p.session), p.place, p.step)
        }
        Message::Holdings {
            complete,
            held,
            dropped,
        } => {
            let whole = if *complete { " (all)" } else { "" };
            format!(
                "{kind}{whole}, {} held, {} dropped",
                held.len(),
                dropped.len()
            )
        }
        Message::Resolve { origin, wanted, .. } => {
            format!("{kind} {} for {origin}", wanted.join(", "))
        }
        Message::Resolved { origin, found, .. } => {
            format!("{kind} for {origin}: {} releases", found.len())
        }
        Message::Download(agent) => {
            let found = match &agent.found {
                None => String::new(),
                Some(Ok(found)) => format!(", found at {}", found.source),
                Some(Err(nowhere)) => format!(", {}", nowhere.why),
            };
            let (id, code) = (&agent.id, agent.release.reference());
            format!("{kind} {}/{} of {code}{found}", id.origin, id.number)
        }
        _ => kind.to_owned(),
    }
}

/// An input in one line.
#[must_use]
pub fn describe_input(input: &Input) -> String {
    match input {
        Input::Tick => "tick".to_owned(),
        Input::Received { from, envelope } => {
            format!("from {from}: {}", describe_message(envelope))
        }
        Input::Open(open) => format!("open `{}` with key {}", open.title, open.key),
        Input::DryRun(open) => format!("dry run `{}`", open.title),
        Input::Claim { session } => format!("claim {}", short(*session)),
        Input::Active { session } => format!("active {}", short(*session)),
        Input::Close { session } => format!("close {}", short(*session)),
        Input::Publish { presentation } => format!("publish `{}`", presentation.title),
        Input::Code { request, order } => format!("order {}: {}", request.0, describe_order(order)),
        Input::FetchProgress { fetch, bytes } => format!("fetch {} has {bytes} bytes", fetch.0),
        Input::Fetched { fetch } => format!("fetch {} is whole", fetch.0),
        Input::FetchFailed { fetch, failure } => format!("fetch {} failed: {failure:?}", fetch.0),
        Input::CodeLost { digest } => format!("{} is lost", digest.short()),
        other => format!("{other:?}"),
    }
}

/// An order about code in a few words.
fn describe_order(order: &CodeOrder) -> String {
    match order {
        CodeOrder::Add(release) => format!("add {}", release.reference()),
        CodeOrder::Remove(digest) => format!("remove {}", digest.short()),
        CodeOrder::Pin(digest, true) => format!("pin {}", digest.short()),
        CodeOrder::Pin(digest, false) => format!("unpin {}", digest.short()),
        CodeOrder::Prefetch(reference) => format!("prefetch {reference}"),
        CodeOrder::Collect => "collect".to_owned(),
    }
}

/// An output in one line.
#[must_use]
pub fn describe_output(output: &Output) -> String {
    match output {
        Output::Send { to, envelope } => format!("to {to}: {}", describe_message(envelope)),
        Output::Start {
            instance,
            component,
            ..
        } => format!("start {component} as {}", instance.0),
        Output::Fetch {
            fetch,
            release,
            source,
        } => format!("fetch {} from {source} as {}", release.reference(), fetch.0),
        Output::CancelFetch { fetch, keep } => {
            format!("cancel fetch {}, of which {keep} bytes stay", fetch.0)
        }
        Output::Evict { digest } => format!("evict {}", digest.short()),
        Output::CodeDone { request, result } => match result {
            Ok(releases) => format!("code {}: {} releases", request.0, releases.len()),
            Err(why) => format!("code {}: {why}", request.0),
        },
        Output::Stop { instance } => format!("stop {}", instance.0),
        Output::Route(route) => format!(
            "route {} from {:?} through {:?} to {:?}",
            short(route.session),
            route.previous,
            route.chain.iter().map(|i| i.0).collect::<Vec<_>>(),
            route.next
        ),
        Output::Unroute { session } => format!("unroute {}", short(*session)),
        Output::Store { key, value } => {
            let length = value.as_ref().map_or(0, Vec::len);
            format!("store {key:?}, {length} bytes")
        }
        Output::Opened { request, outcome } => match outcome {
            Outcome::Established(e) => format!(
                "opened {}: {} with solution {}",
                request.0,
                short(e.session),
                e.solution
            ),
            Outcome::Refused { refused, .. } => {
                format!("opened {}: refused, {}", request.0, refusals(refused))
            }
            other => format!("opened {}: {other:?}", request.0),
        },
        Output::Progress { request, progress } => {
            format!("progress {}: {:?}", request.0, progress.step)
        }
        Output::Surveyed { request, .. } => format!("surveyed {}", request.0),
        Output::Ended { session, why } => format!("ended {}: {why:?}", short(*session)),
    }
}
