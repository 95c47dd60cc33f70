//! What passes through: requests that the store can't answer to the next handler, answers back.

use std::cell::RefCell;
use std::rc::Rc;

use waybook_guest_bindings::body::{self, Incoming, Outgoing};
use waybook_guest_bindings::exports::wasi::http::handler::Guest;
use waybook_guest_bindings::spawn_local;
use waybook_guest_bindings::wasi::cli::environment;
use waybook_guest_bindings::wasi::clocks::{monotonic_clock, system_clock};
use waybook_guest_bindings::wasi::http::handler;
use waybook_guest_bindings::wasi::http::types::{
    ErrorCode, Fields, Method, Request, Response, Scheme,
};
use waybook_guest_settings::Settings;
use waybook_http_rules::fields::{self, Fields as FieldList};

use crate::rules::{self, Freshness, Served};
use crate::store::{Collecting, Head, Store, Stored};

struct Cache;

waybook_guest_bindings::export!(Cache with_types_in waybook_guest_bindings);

/// How much memory there is unless a setting says otherwise, in bytes.
const MEMORY: u64 = 8 * 1024 * 1024;

/// What a 304 repeats of the answer that it stands for (RFC 9110, 15.4.5), and what is said of the cache.
const IN_NOT_MODIFIED: [&str; 8] = [
    "age",
    "cache-control",
    "content-location",
    "date",
    "etag",
    "expires",
    "vary",
    "x-cache",
];

/// What one instance has.
struct State {
    store: Store,
    default_ttl: u64,
}

thread_local! {
    /// Several requests are under way in one instance, but only one of them runs at a time and none of
    /// them waits while it has borrowed this.
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Does something with the state, which the first request sets up from the settings.
fn with_state<T>(what: impl FnOnce(&mut State) -> T) -> Result<T, String> {
    STATE.with_borrow_mut(|state| {
        if state.is_none() {
            let settings = Settings::new(environment::get_environment());
            let memory = settings.number("memory", "bytes")?.unwrap_or(MEMORY);
            let largest = settings.number("largest", "bytes")?.unwrap_or(memory / 2);
            let default_ttl = settings.number("default-ttl", "seconds")?.unwrap_or(0);
            *state = Some(State {
                store: Store::new(memory, largest),
                default_ttl,
            });
        }
        match state {
            Some(state) => Ok(what(state)),
            None => Err("no state".to_owned()),
        }
    })
}

/// The same where it is known to be set up, because the request has been through [`with_state`] before.
fn in_store<T>(what: impl FnOnce(&mut Store) -> T) -> Option<T> {
    STATE.with_borrow_mut(|state| state.as_mut().map(|state| what(&mut state.store)))
}

/// Seconds of a clock that only goes forward.
fn now() -> u64 {
    monotonic_clock::now() / 1_000_000_000
}

/// Seconds since 1970.
fn date() -> u64 {
    u64::try_from(system_clock::now().seconds).unwrap_or(0)
}

/// What an answer is stored under.
fn uri(request: &Request) -> String {
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http".to_owned(),
        Some(Scheme::Https) => "https".to_owned(),
        Some(Scheme::Other(other)) => other.to_ascii_lowercase(),
        None => String::new(),
    };
    let authority = request
        .get_authority()
        .unwrap_or_default()
        .to_ascii_lowercase();
    format!(
        "{scheme}://{authority}{}",
        request.get_path_with_query().unwrap_or_default()
    )
}

/// Sends a stored answer, or what the request wants of it.
fn serve(stored: Rc<Stored>, request: &FieldList, head: bool) -> Response {
    let mut headers = stored.headers.clone();
    fields::set(&mut headers, "age", stored.age(now()).to_string());
    fields::set(&mut headers, "x-cache", "hit");
    let length = stored.length();
    let (status, from, to) = match rules::serves(request, head, &stored.headers, length) {
        Served::NotModified => {
            headers
                .retain(|(name, _)| IN_NOT_MODIFIED.contains(&name.to_ascii_lowercase().as_str()));
            return body::bare(304, body::fields(&headers));
        }
        Served::NoSuchRange => {
            fields::remove(
                &mut headers,
                &["content-type", "content-encoding", "etag", "last-modified"],
            );
            fields::set(&mut headers, "content-range", format!("bytes */{length}"));
            fields::set(&mut headers, "content-length", "0");
            return body::bare(416, body::fields(&headers));
        }
        Served::Part(from, to) => {
            fields::set(
                &mut headers,
                "content-range",
                format!("bytes {from}-{to}/{length}"),
            );
            fields::set(&mut headers, "content-length", (to - from + 1).to_string());
            (206, from, to)
        }
        Served::Whole => {
            fields::set(&mut headers, "content-length", length.to_string());
            (200, 0, u64::MAX)
        }
    };
    if head || length == 0 {
        return body::bare(status, body::fields(&headers));
    }
    let (response, mut outgoing) = Outgoing::open(status, body::fields(&headers));
    spawn_local(async move {
        for bytes in stored.bytes(from, to) {
            if !outgoing.send(bytes.to_vec()).await {
                return;
            }
        }
        outgoing.finish(Ok(None)).await;
    });
    response
}

/// A body on its way that is to be stored if it turns out whole.
struct Kept {
    uri: String,
    head: Head,
    said: Option<u64>,
    body: Collecting,
}

/// Passes a body on and collects it. What is not whole, has trailers, is not as long as it said, or
/// for which there is no room is not stored; it is passed on all the same.
async fn pass_and_keep(mut incoming: Incoming, mut outgoing: Outgoing, kept: Kept) {
    let Kept {
        uri,
        head,
        said,
        body,
    } = kept;
    let mut collecting = Some(body);
    while let Some(bytes) = incoming.next().await {
        if let Some(body) = &mut collecting
            && !in_store(|store| store.grow(body, &bytes)).unwrap_or(false)
        {
            collecting = None;
        }
        if !outgoing.send(bytes).await {
            return;
        }
    }
    let end = incoming.end().await;
    if let (Some(body), Ok(None)) = (collecting, &end)
        && said.is_none_or(|said| said == body.length())
    {
        in_store(|store| store.put(&uri, head, body));
    }
    outgoing.finish(end).await;
}

/// An answer that was not in the store, on its way to be.
fn missed(
    response: Response,
    freshness: Option<Freshness>,
    uri: String,
    request: &FieldList,
    head: bool,
    asked_at: u64,
) -> Response {
    let headers = response.get_headers().clone();
    let mut list = headers.copy_all();
    if !fields::has(&list, "date") {
        // Who has a clock says when it came (RFC 9110, 6.6.1).
        let at = rules::as_date(date()).into_bytes();
        let _ = headers.set("date", &[at.clone()]);
        fields::set(&mut list, "date", at);
    }
    let _ = headers.set("x-cache", &[b"miss".to_vec()]);
    let status = response.get_status_code();
    let said = fields::content_length(&list);
    let collecting = freshness.and_then(|freshness| {
        let room = in_store(|store| store.could_take(said.unwrap_or(0)).then(|| store.collect()))
            .flatten()?;
        Some((freshness, room))
    });
    if head {
        // Its length is that of a body which does not come.
        return body::bare(status, headers);
    }
    let incoming = Incoming::of_response(response);
    let Some((freshness, collecting)) = collecting else {
        return incoming.respond(status, headers);
    };
    let arrived = now();
    let age_on_arrival = rules::age_on_arrival(&list, date(), arrived.saturating_sub(asked_at));
    let selecting = rules::selecting(&rules::vary(&list), request);
    fields::remove_of_the_connection(&mut list);
    fields::remove(&mut list, &["age", "x-cache"]);
    let kept = Head {
        headers: list,
        freshness,
        age_on_arrival,
        arrived,
        selecting,
    };
    let (response, outgoing) = Outgoing::open(status, headers);
    spawn_local(pass_and_keep(
        incoming,
        outgoing,
        Kept {
            uri,
            head: kept,
            said,
            body: collecting,
        },
    ));
    response
}

/// Passes on what may change something; if it has, what is stored of it is not true any more
/// (RFC 9111, 4.4).
async fn change(request: Request, uri: &str) -> Result<Response, ErrorCode> {
    let response = handler::handle(request).await?;
    if (200..400).contains(&response.get_status_code()) {
        in_store(|store| store.forget(uri));
    }
    Ok(response)
}

impl Guest for Cache {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let uri = uri(&request);
        let head = match request.get_method() {
            Method::Get => false,
            Method::Head => true,
            Method::Options | Method::Trace => return handler::handle(request).await,
            _ => {
                return match with_state(|_| ()) {
                    Ok(()) => change(request, &uri).await,
                    Err(error) => Ok(body::text(500, &format!("cache: {error}"))),
                };
            }
        };
        let asked = request.get_headers().copy_all();
        let passes = rules::passes(&asked);
        let asked_at = now();
        let found = with_state(|state| {
            let found = if passes {
                None
            } else {
                state.store.find(&uri, &asked, asked_at)
            };
            (found, state.default_ttl)
        });
        let default_ttl = match found {
            Ok((Some(stored), _)) => return Ok(serve(stored, &asked, head)),
            Ok((None, default_ttl)) => default_ttl,
            Err(error) => return Ok(body::text(500, &format!("cache: {error}"))),
        };
        if rules::only_if_cached(&asked) {
            let headers = Fields::new();
            let _ = headers.set("x-cache", &[b"miss".to_vec()]);
            return Ok(body::bare(504, headers));
        }
        let response = handler::handle(request).await?;
        let answer = response.get_headers().copy_all();
        let freshness = rules::storable(&asked, response.get_status_code(), &answer, default_ttl)
            .filter(|_| !head && !passes);
        Ok(missed(response, freshness, uri, &asked, head, asked_at))
    }
}
