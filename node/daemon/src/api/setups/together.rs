//! Fits together what several places saw of one set-up, each by its own clock.

use std::collections::HashMap;
use std::time::Duration;

use super::super::model::{HopTraceInfo, Span, SpanInfo};

/// When a span begins and ends, in microseconds of the first place's time.
#[derive(Clone, Copy)]
struct Lies {
    begin: i64,
    end: Option<i64>,
}

/// Moves the times of every part into the time of the first, and joins them. A place stands behind
/// the one that sent it its agent. What a visit took lies within the time between its sending and
/// its answer, whatever the clocks say; of the room that leaves, the middle is taken.
pub(super) fn together(hops: Vec<HopTraceInfo>) -> Vec<SpanInfo> {
    let mut all = Vec::new();
    let mut lies: HashMap<String, Lies> = HashMap::new();
    let first = hops.first().map_or(0, |hop| hop.began);
    for (nth, hop) in hops.into_iter().enumerate() {
        let later = if nth == 0 {
            0
        } else {
            within(&hop, &lies).unwrap_or_else(|| by_clocks(first, hop.began))
        };
        for mut span in hop.spans {
            let begin = micros(&span.begin) + later;
            let end = span.took.as_ref().map(|took| begin + micros(took));
            lies.insert(span.id.clone(), Lies { begin, end });
            span.begin = at(begin);
            for note in &mut span.notes {
                note.at = at(micros(&note.at) + later);
            }
            all.push(span);
        }
    }
    all
}

/// How much later than its own times a part is, by the sendings that it answers.
fn within(hop: &HopTraceInfo, lies: &HashMap<String, Lies>) -> Option<i64> {
    let mut earliest = None::<i64>;
    let mut latest = None::<i64>;
    for span in &hop.spans {
        let Some(sent) = span.parent.as_ref().and_then(|parent| lies.get(parent)) else {
            continue;
        };
        let begin = micros(&span.begin);
        let from = sent.begin - begin;
        earliest = Some(earliest.map_or(from, |other| other.max(from)));
        if let (Some(answered), Some(took)) = (sent.end, &span.took) {
            let to = answered - begin - micros(took);
            latest = Some(latest.map_or(to, |other| other.min(to)));
        }
    }
    let earliest = earliest?;
    Some(match latest {
        Some(latest) if latest > earliest => earliest + (latest - earliest) / 2,
        _ => earliest,
    })
}

/// The same by the machines' clocks, where no sending is known.
fn by_clocks(first: u64, began: u64) -> i64 {
    let apart = i128::from(began) - i128::from(first);
    i64::try_from(apart * 1000).unwrap_or(0)
}

fn micros(span: &Span) -> i64 {
    i64::try_from(span.micros).unwrap_or(i64::MAX / 4)
}

fn at(micros: i64) -> Span {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, begin: u64, took: Option<u64>) -> SpanInfo {
        SpanInfo {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            place: String::new(),
            kind: String::new(),
            name: String::new(),
            visit: None,
            begin: Duration::from_micros(begin).into(),
            took: took.map(|took| Duration::from_micros(took).into()),
            problem: None,
            notes: Vec::new(),
        }
    }

    fn hop(began: u64, spans: Vec<SpanInfo>) -> HopTraceInfo {
        HopTraceInfo {
            place: String::new(),
            began,
            went_to: Vec::new(),
            spans,
        }
    }

    fn begins(hops: Vec<HopTraceInfo>) -> Vec<u64> {
        together(hops)
            .iter()
            .map(|span| span.begin.micros)
            .collect()
    }

    #[test]
    fn a_visit_lies_in_the_middle_of_its_sending() {
        let client = hop(0, vec![span("sent", None, 100, Some(1000))]);
        // Its machine's clock is an hour ahead.
        let server = hop(3_600_000, vec![span("visit", Some("sent"), 5, Some(600))]);
        assert_eq!(begins(vec![client, server]), [100, 300]);
    }

    #[test]
    fn several_visits_leave_less_room() {
        let sent = vec![
            span("sent 1", None, 0, Some(100)),
            span("sent 2", None, 200, Some(100)),
        ];
        let visits = vec![
            span("visit 1", Some("sent 1"), 0, Some(90)),
            span("visit 2", Some("sent 2"), 196, Some(94)),
        ];
        // The first may be 0 to 10 later than its own time says, the second 4 to 10.
        let all = begins(vec![hop(0, sent), hop(0, visits)]);
        assert_eq!(all, [0, 200, 7, 203]);
    }

    #[test]
    fn what_is_not_over_begins_where_it_was_sent() {
        let client = hop(0, vec![span("sent", None, 100, None)]);
        let server = hop(0, vec![span("visit", Some("sent"), 5, Some(600))]);
        assert_eq!(begins(vec![client, server]), [100, 100]);
    }

    #[test]
    fn clocks_are_believed_where_nothing_else_is_known() {
        let client = hop(1000, vec![span("open", None, 0, None)]);
        let other = hop(1002, vec![span("visit", Some("unknown"), 0, None)]);
        assert_eq!(begins(vec![client, other]), [0, 2000]);
    }
}
