//! What passes through: requests to the next handler, answers back.

use waybook_guest_bindings::body::{self, Incoming, Outgoing};
use waybook_guest_bindings::exports::wasi::http::handler::Guest;
use waybook_guest_bindings::spawn_local;
use waybook_guest_bindings::wasi::cli::environment;
use waybook_guest_bindings::wasi::http::handler;
use waybook_guest_bindings::wasi::http::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme,
};
use waybook_guest_settings::Settings;
use waybook_http_rules::fields::{self, Fields as FieldList};
use waybook_http_rules::{etag, media};

use crate::playlist::{Kind, Sniffer, cap};

struct CapQuality;

waybook_guest_bindings::export!(CapQuality with_types_in waybook_guest_bindings);

/// How large a playlist may be that is rewritten, in bytes, unless a setting says otherwise.
const LARGEST: u64 = 1024 * 1024;

/// What a client asks that could bring anything but the whole playlist in plain text. Conditions are
/// kept back because they are about what this component sends, not about what the origin has.
const PARTIAL: [&str; 7] = [
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "accept-encoding",
];

/// What an origin says of its own bytes, and is not true of others.
const OF_THE_BYTES: [&str; 8] = [
    "etag",
    "last-modified",
    "accept-ranges",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "content-length",
];

/// What a 304 repeats of the answer that it stands for (RFC 9110, 15.4.5).
const IN_NOT_MODIFIED: [&str; 6] = [
    "cache-control",
    "content-location",
    "date",
    "etag",
    "expires",
    "vary",
];

/// The settings.
struct Limits {
    /// In bit/s. None leaves everything as it is.
    bandwidth: Option<u64>,
    /// In bytes.
    playlist: u64,
}

impl Limits {
    fn read() -> Result<Limits, String> {
        let settings = Settings::new(environment::get_environment());
        Ok(Limits {
            bandwidth: settings.number("max-bandwidth", "bit/s")?,
            playlist: settings
                .number("largest-playlist", "bytes")?
                .unwrap_or(LARGEST),
        })
    }
}

/// What was asked, kept so that it can be asked again.
struct Asked {
    head: bool,
    /// The path ends as a playlist's does.
    by_name: bool,
    headers: Fields,
    request: Again,
}

/// The rest of a request.
struct Again {
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    options: Option<RequestOptions>,
}

impl Asked {
    fn of(request: &Request, head: bool) -> Asked {
        let path = request.get_path_with_query();
        Asked {
            head,
            by_name: path
                .as_deref()
                .and_then(media::extension)
                .is_some_and(|e| e == "m3u8"),
            // A copy: the original goes with the request.
            headers: request.get_headers().clone(),
            request: Again {
                scheme: request.get_scheme(),
                authority: request.get_authority(),
                path,
                options: request.get_options().map(|options| options.clone()),
            },
        }
    }

    /// Asks for the whole, by GET also for a HEAD: only the body tells what its headers would be.
    async fn whole(&self) -> Result<Response, ErrorCode> {
        let headers = body::without(&self.headers, &PARTIAL);
        // Without the field any coding would do (RFC 9110, 12.5.3).
        let _ = headers.set("accept-encoding", &[b"identity".to_vec()]);
        let request = body::request(
            headers,
            self.request.options.as_ref().map(RequestOptions::clone),
        );
        // GET is what a new request has. The parts were valid when they came.
        let _ = request.set_scheme(self.request.scheme.as_ref());
        let _ = request.set_authority(self.request.authority.as_deref());
        let _ = request.set_path_with_query(self.request.path.as_deref());
        handler::handle(request).await
    }

    /// Whether the client has this version already.
    fn has(&self, answer: &FieldList) -> bool {
        fields::joined(&self.headers.copy_all(), "if-none-match")
            .is_some_and(|tags| etag::none_match_hits(&tags, fields::first(answer, "etag")))
    }

    /// The answer that has this body: 304 or no body where that is what was asked for.
    fn answer(&self, headers: Fields, rest: Rest) -> Response {
        let list = headers.copy_all();
        if self.has(&list) {
            let kept: FieldList = list
                .into_iter()
                .filter(|(n, _)| IN_NOT_MODIFIED.contains(&n.to_ascii_lowercase().as_str()))
                .collect();
            return body::bare(304, body::fields(&kept));
        }
        match rest {
            _ if self.head => body::bare(200, headers),
            Rest::All(bytes) => body::whole(200, headers, bytes),
            Rest::More(begun, incoming) => {
                let (response, mut outgoing) = Outgoing::open(200, headers);
                spawn_local(async move {
                    if outgoing.send(begun).await {
                        outgoing.relay(incoming).await;
                    }
                });
                response
            }
        }
    }
}

/// A body: all of it, or what was read and what is still to come.
enum Rest {
    All(Vec<u8>),
    More(Vec<u8>, Incoming),
}

/// Reads a master playlist to its end. Everything else, and what is larger than `largest` bytes, is
/// read only as far as it takes to know that.
async fn read(response: Response, largest: u64) -> Result<Rest, ErrorCode> {
    let mut incoming = Incoming::of_response(response);
    let (mut begun, mut sniffer, mut master) = (Vec::new(), Sniffer::default(), false);
    while let Some(bytes) = incoming.next().await {
        begun.extend_from_slice(&bytes);
        if begun.len() as u64 > largest {
            return Ok(Rest::More(begun, incoming));
        }
        if !master {
            match sniffer.look(&begun) {
                Some(Kind::Media) => return Ok(Rest::More(begun, incoming)),
                Some(Kind::Master) => master = true,
                None => {}
            }
        }
    }
    incoming.end().await?;
    Ok(Rest::All(begun))
}

/// What is known of an answer before its body is read.
struct Answer {
    status: u16,
    playlist: bool,
    plain: bool,
}

impl Answer {
    fn of(response: &Response, by_name: bool) -> Answer {
        let headers = response.get_headers().copy_all();
        let kind = fields::first(&headers, "content-type").map(media::essence);
        Answer {
            status: response.get_status_code(),
            playlist: by_name || kind.is_some_and(|kind| media::is_playlist(&kind)),
            plain: media::is_plain(fields::first(&headers, "content-encoding")),
        }
    }
}

impl Guest for CapQuality {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let limits = match Limits::read() {
            Ok(limits) => limits,
            Err(error) => return Ok(body::text(500, &format!("cap-quality: {error}"))),
        };
        let head = matches!(request.get_method(), Method::Head);
        let (Some(limit), true) = (
            limits.bandwidth,
            head || matches!(request.get_method(), Method::Get),
        ) else {
            return handler::handle(request).await;
        };
        let asked = Asked::of(&request, head);
        let mut response = if asked.by_name {
            asked.whole().await?
        } else {
            handler::handle(request).await?
        };
        let mut answer = Answer::of(&response, asked.by_name);
        // Only now it shows that it is a playlist: what the client asked for may not be all of it.
        if !asked.by_name && answer.playlist {
            let partial = head || answer.status == 206 || !answer.plain;
            if partial && matches!(answer.status, 200 | 206) {
                response = asked.whole().await?;
                answer = Answer::of(&response, false);
            }
        }
        if answer.status != 200 || !answer.playlist || !answer.plain {
            if head {
                // Its length is that of a body which does not come.
                return Ok(body::bare(answer.status, response.get_headers().clone()));
            }
            return Ok(response);
        }
        let headers = response.get_headers().clone();
        let mut rest = read(response, limits.playlist).await?;
        let mut changed = headers.clone();
        if let Rest::All(bytes) = &rest
            && let Some(capped) = cap(bytes, limit)
        {
            changed = body::without(&headers, &OF_THE_BYTES);
            let _ = changed.set("etag", &[etag::weak_of(&capped).into_bytes()]);
            let _ = changed.set("content-length", &[capped.len().to_string().into_bytes()]);
            rest = Rest::All(capped);
        }
        Ok(asked.answer(changed, rest))
    }
}
