//! `waybook trace`: what took how long while a session was set up.

use std::collections::BTreeMap;

use clap::Args;
use waybook_client::model::{SpanInfo, TraceInfo};
use waybook_location_tree::PlaceName;

use super::why;
use crate::fail::Done;
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Shows what took how long while a session was set up, hop by hop.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook trace 3f2a...                        # a session, standing, over or refused
  waybook trace my-key --at core/bologna/lab   # a request, by the key that it was opened with
  waybook trace                                # the latest request of the places that run here
  waybook trace 3f2a... --all                  # with everything that happened

Every place remembers the latest set-ups of this run (its setting `trace.keep`), no collector is
needed. Each keeps its own time; a place's part is drawn in the middle of the time that the place
before waited for it.")]
pub(crate) struct Trace {
    /// The session's number, or the request's key [default: the latest request]
    #[arg(value_name = "SESSION|REQUEST")]
    id: Option<String>,
    /// The client's place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
    /// Show all that happened within each span, not only what was refused
    #[arg(long)]
    all: bool,
}

impl Trace {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let (client, setup) = why::find(global, self.at.as_ref(), self.id.as_deref()).await?;
        let Some(session) = &setup.session else {
            // It went nowhere.
            if global.json {
                return show::json(&setup);
            }
            show::line(&why::heading(&setup))?;
            return show::line(&format!("  {}", setup.why.unwrap_or_default()));
        };
        let trace = client.trace(session).await?;
        if global.json {
            return show::json(&trace);
        }
        print(&trace, self.all)
    }
}

/// What is drawn of one span.
struct Row<'a> {
    span: &'a SpanInfo,
    depth: usize,
    /// Whether anything else is part of it.
    has_parts: bool,
}

impl Row<'_> {
    /// Whether there is nothing to see: booking takes no time worth a line, waiting for a turn does.
    fn is_idle(&self) -> bool {
        let took = self.span.took.as_ref();
        self.span.kind == "hold" && took.is_some_and(|took| took.micros < 100)
    }

    /// What went wrong, where nobody below says it better.
    fn problem(&self) -> Option<&str> {
        let is_told_below = self.span.kind == "forward" && self.has_parts;
        let problem = self.span.problem.as_deref()?;
        (problem != "refused" && !is_told_below).then_some(problem)
    }
}

/// The spans in the order in which they are drawn: each before its parts, which follow in the order
/// in which they began.
fn rows(spans: &[SpanInfo]) -> Vec<Row<'_>> {
    let ids: BTreeMap<&str, usize> = spans
        .iter()
        .zip(0..)
        .map(|(s, at)| (s.id.as_str(), at))
        .collect();
    let mut parts: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, span) in spans.iter().enumerate() {
        let parent = span
            .parent
            .as_deref()
            .and_then(|parent| ids.get(parent).copied());
        parts
            .entry(parent.filter(|parent| *parent != at))
            .or_default()
            .push(at);
    }
    for part in parts.values_mut() {
        part.sort_by_key(|at| spans[*at].begin.micros);
    }
    let mut rows = Vec::new();
    let mut left: Vec<(usize, usize)> = Vec::new();
    let push = |left: &mut Vec<(usize, usize)>, parent, depth| {
        let parts = parts.get(&parent).map(Vec::as_slice).unwrap_or_default();
        left.extend(parts.iter().rev().map(|at| (*at, depth)));
    };
    push(&mut left, None, 0);
    // No place may make it go on for ever.
    while let Some((at, depth)) = left.pop()
        && rows.len() < spans.len()
    {
        rows.push(Row {
            span: &spans[at],
            depth,
            has_parts: parts.contains_key(&Some(at)),
        });
        push(&mut left, Some(at), depth + 1);
    }
    rows
}

fn print(trace: &TraceInfo, all: bool) -> Done {
    let number = trace.setup.trace.as_deref().unwrap_or("-");
    show::line(&why::heading(&trace.setup))?;
    show::line(&format!("trace {number}"))?;
    show::line("")?;
    let rows = rows(&trace.spans);
    let last =
        |span: &SpanInfo| span.begin.micros + span.took.as_ref().map_or(0, |took| took.micros);
    let whole = trace.spans.iter().map(last).max().unwrap_or(0).max(1);
    let name = |row: &Row<'_>| {
        let indent = "  ".repeat(row.depth);
        // A visit stands for its place.
        match row.span.kind.as_str() {
            "visit" => format!(
                "{indent}{} (visit {})",
                row.span.place,
                row.span.visit.unwrap_or(0)
            ),
            _ => format!("{indent}{}", row.span.name),
        }
    };
    let names: Vec<_> = rows.iter().map(name).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let room = show::columns().saturating_sub(width + 14).clamp(16, 80);
    for (row, name) in rows.iter().zip(&names) {
        if !all && row.is_idle() {
            continue;
        }
        let took = row
            .span
            .took
            .as_ref()
            .map_or("...", |took| took.text.as_str());
        let bar = bar(row.span, whole, room);
        let color = if row.span.problem.is_some() {
            Color::Red
        } else {
            Color::Green
        };
        let line = format!("{name:width$}  {took:>9}  {}", paint(color, &bar));
        show::line(line.trim_end())?;
        let indent = "  ".repeat(row.depth + 1);
        for note in &row.span.notes {
            let is_refusal = note.text.starts_with("refused");
            if is_refusal {
                show::line(&format!("{indent}{}", paint(Color::Yellow, &note.text)))?;
            } else if all {
                show::line(&format!("{indent}{} at {}", note.text, note.at.text))?;
            }
        }
        if let Some(problem) = row.problem() {
            show::line(&format!("{indent}{}", paint(Color::Red, problem)))?;
        }
    }
    for untold in &trace.untold {
        show::line(&format!("{} did not say: {}", untold.place, untold.problem))?;
    }
    Ok(())
}

/// A span as a bar in a line of that width.
fn bar(span: &SpanInfo, whole: u64, width: usize) -> String {
    // In eighths of a cell, as the block elements are.
    let eighths = |micros: u64| {
        let at = u128::from(micros) * (width as u128) * 8 / u128::from(whole);
        usize::try_from(at).unwrap_or(width * 8).min(width * 8)
    };
    let begin = eighths(span.begin.micros);
    let took = span.took.as_ref().map_or(whole, |took| took.micros);
    let end = eighths(span.begin.micros.saturating_add(took)).max(begin);
    let first = (begin / 8).min(width - 1);
    let full = (end / 8).saturating_sub(first);
    let rest = if full == 0 {
        (end - begin).max(1)
    } else {
        end % 8
    };
    const BLOCKS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    format!(
        "{}{}{}",
        " ".repeat(first),
        "█".repeat(full),
        BLOCKS[rest.min(7)]
    )
}
