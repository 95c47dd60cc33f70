//! What may be stored, how long it is fresh, and which request it answers (RFC 9111, for a shared cache).
//! Times are seconds and come in as arguments.

use std::time::{Duration, SystemTime};

use waybook_http_rules::etag;
use waybook_http_rules::fields::{self, Fields, first, joined, members};
use waybook_http_rules::range::{self, Asked};

/// The directives of a `Cache-Control` field.
#[derive(Debug, Default)]
struct Control(Vec<(String, Option<String>)>);

impl Control {
    fn of(message: &Fields) -> Control {
        let all = joined(message, "cache-control").unwrap_or_default();
        Control(
            members(&all)
                .into_iter()
                .map(|member| match member.split_once('=') {
                    Some((name, value)) => (
                        name.trim().to_ascii_lowercase(),
                        Some(value.trim().trim_matches('"').to_owned()),
                    ),
                    None => (member.to_ascii_lowercase(), None),
                })
                .collect(),
        )
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// A directive's seconds, the least if it is there twice. One that is no number counts as 0, that is
    /// as stale (4.2.1); one that is too large is as large as can be (1.2.2).
    fn seconds(&self, name: &str) -> Option<u64> {
        let of = |value: &Option<String>| {
            let digits = value
                .as_deref()
                .filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
            digits.map_or(0, |digits| digits.parse().unwrap_or(u64::MAX))
        };
        self.0
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| of(value))
            .min()
    }
}

/// A date as seconds since 1970.
fn date(message: &Fields, name: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(first(message, name)?).ok()?;
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

/// A `Date` field of this time, in seconds since 1970.
#[must_use]
pub fn as_date(seconds: u64) -> String {
    // The year 9999 is the last that the format has.
    let seconds = seconds.min(253_402_300_799);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// How long an answer may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Seconds that it is fresh, from when its origin made it.
    pub lifetime: u64,
    /// Whether requests with `Authorization` may have it too.
    pub for_all: bool,
}

/// Whether a request goes past the cache: it makes conditions that only its origin can judge.
#[must_use]
pub fn passes(request: &Fields) -> bool {
    fields::has(request, "if-match") || fields::has(request, "if-unmodified-since")
}

/// Whether the client wants no answer but a stored one (5.2.1.7).
#[must_use]
pub fn only_if_cached(request: &Fields) -> bool {
    Control::of(request).has("only-if-cached")
}

/// Whether the answer to a GET may be stored (section 3), and for how long it is fresh (4.2.1). An
/// answer that does not say gets `default_ttl` seconds; with 0 it is not stored.
#[must_use]
pub fn storable(
    request: &Fields,
    status: u16,
    answer: &Fields,
    default_ttl: u64,
) -> Option<Freshness> {
    let control = Control::of(answer);
    let forbidden = ["no-store", "private", "no-cache"]
        .iter()
        .any(|name| control.has(name));
    let for_all = ["public", "s-maxage", "must-revalidate"]
        .iter()
        .any(|name| control.has(name));
    if status != 200
        || forbidden
        || Control::of(request).has("no-store")
        || (fields::has(request, "authorization") && !for_all)
        || fields::has(answer, "set-cookie")
        || fields::has(answer, "content-range")
        || vary(answer).iter().any(|name| name == "*")
    {
        return None;
    }
    let expires = || {
        fields::has(answer, "expires").then(|| {
            // A date that can't be read has passed (5.3).
            date(answer, "expires").map_or(0, |at| {
                at.saturating_sub(date(answer, "date").unwrap_or(at))
            })
        })
    };
    let lifetime = control
        .seconds("s-maxage")
        .or_else(|| control.seconds("max-age"))
        .or_else(expires)
        .unwrap_or(default_ttl);
    (lifetime > 0).then_some(Freshness { lifetime, for_all })
}

/// How old an answer is when it arrives (4.2.3): at `now`, in seconds since 1970, `delay` seconds after
/// it was asked for.
#[must_use]
pub fn age_on_arrival(answer: &Fields, now: u64, delay: u64) -> u64 {
    let apparent = date(answer, "date").map_or(0, |made| now.saturating_sub(made));
    let said = first(answer, "age").and_then(fields::number).unwrap_or(0);
    apparent.max(said.saturating_add(delay))
}

/// Whether a request takes a stored answer of this age.
#[must_use]
pub fn takes(request: &Fields, freshness: Freshness, age: u64) -> bool {
    let control = Control::of(request);
    let old_way = || {
        !fields::has(request, "cache-control")
            && joined(request, "pragma")
                .is_some_and(|p| p.to_ascii_lowercase().contains("no-cache"))
    };
    let left = freshness.lifetime.saturating_sub(age);
    left > 0
        && !control.has("no-cache")
        && !old_way()
        && control.seconds("max-age").is_none_or(|most| age <= most)
        && control
            .seconds("min-fresh")
            .is_none_or(|least| left >= least)
        && (freshness.for_all || !fields::has(request, "authorization"))
}

/// The fields of a request that an answer depends on, in small letters and in order.
#[must_use]
pub fn vary(answer: &Fields) -> Vec<String> {
    let all = joined(answer, "vary").unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for name in members(&all) {
        let name = name.to_ascii_lowercase();
        if let Err(at) = names.binary_search(&name) {
            names.insert(at, name);
        }
    }
    names
}

/// What a request says in these fields: the key among answers to one URI (4.1).
#[must_use]
pub fn selecting(names: &[String], request: &Fields) -> Vec<(String, Option<String>)> {
    names
        .iter()
        .map(|name| {
            (
                name.clone(),
                joined(request, name).map(|value| members(&value).join(",")),
            )
        })
        .collect()
}

/// What a stored answer becomes for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// 200 with everything.
    Whole,
    /// 206 with the bytes from the first number to the second, both included.
    Part(u64, u64),
    /// 304.
    NotModified,
    /// 416.
    NoSuchRange,
}

/// What a request gets of a stored answer of `length` bytes (4.3.2; RFC 9110, 13.2.2 and 14.2).
#[must_use]
pub fn serves(request: &Fields, head: bool, stored: &Fields, length: u64) -> Served {
    let tag = first(stored, "etag");
    let unchanged = match joined(request, "if-none-match") {
        Some(tags) => etag::none_match_hits(&tags, tag),
        None => date(request, "if-modified-since").is_some_and(|since| {
            date(stored, "last-modified")
                .or_else(|| date(stored, "date"))
                .is_some_and(|changed| changed <= since)
        }),
    };
    if unchanged {
        return Served::NotModified;
    }
    let (Some(asked), false) = (first(request, "range"), head) else {
        return Served::Whole;
    };
    // The same, byte for byte: only then a part of it fits to what the client has (RFC 9110, 13.1.5).
    let same = first(request, "if-range").is_none_or(|validator| {
        tag.is_some_and(|tag| etag::strongly_same(tag, validator))
            || (httpdate::parse_http_date(validator).is_ok()
                && first(stored, "last-modified") == Some(validator))
    });
    if !same {
        return Served::Whole;
    }
    match range::asked(asked, length) {
        Asked::Whole => Served::Whole,
        Asked::Part(from, to) => Served::Part(from, to),
        Asked::Nothing => Served::NoSuchRange,
    }
}

#[cfg(test)]
mod tests;
