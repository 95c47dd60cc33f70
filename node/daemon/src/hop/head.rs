//! The heads of messages as they are on a stream.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use super::framing::{Chunks, Framing};

/// The most fields of a head.
const FIELDS: usize = 100;

/// What came is no head of a message, or one of more than there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadHead(&'static str);

impl BadHead {
    /// A head is longer than it may be.
    pub(crate) const LONG: Self = Self("the head is too long");
}

/// Fields that are for the stream that they came on, in lower case (RFC 9110, section 7.6.1), apart from
/// `Transfer-Encoding`, which stays with the body that it is about.
const FOR_ONE_HOP: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
];

/// What a response's head says of the way that it comes.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// The bytes of the head.
    pub(crate) length: usize,
    pub(crate) framing: Framing,
    /// Whether the stream may be used for another request.
    pub(crate) stays: bool,
}

/// Reads a response's head, if it is whole, and has `each` see its fields.
pub(crate) fn response(
    bytes: &[u8],
    to: &Method,
    mut each: impl FnMut(&httparse::Header<'_>),
) -> Result<Option<Answered>, BadHead> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut head,
        bytes,
        &mut fields,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(BadHead("the answer is malformed")),
    };
    let status = StatusCode::from_u16(head.code.unwrap_or_default());
    let status = status.map_err(|_| BadHead("the answer has no status"))?;
    let mut way = Way::of(head.version);
    for field in head.headers.iter() {
        way.look(field)?;
        each(field);
    }
    let framing = way.framing(status, to)?;
    Ok(Some(Answered {
        status,
        length,
        stays: way.stays && !matches!(framing, Framing::UntilEnd),
        framing,
    }))
}

/// What the fields of a head say of the stream.
struct Way {
    stays: bool,
    chunked: bool,
    length: Option<u64>,
}

impl Way {
    fn of(version: Option<u8>) -> Self {
        Self {
            stays: version == Some(1),
            chunked: false,
            length: None,
        }
    }

    fn look(&mut self, field: &httparse::Header<'_>) -> Result<(), BadHead> {
        let name = field.name;
        if name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let length = text.parse().ok().filter(|_| digits);
            let length = length.ok_or(BadHead("the length of a body is malformed"))?;
            if self.length.is_some_and(|before| before != length) {
                return Err(BadHead("a body has two lengths"));
            }
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if self.chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadHead("a body is encoded otherwise than in chunks"));
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            let value = std::str::from_utf8(field.value).unwrap_or("close");
            let mut options = value.split(',').map(str::trim);
            self.stays &= !options.any(|option| option.eq_ignore_ascii_case("close"));
        }
        Ok(())
    }

    fn framing(&self, status: StatusCode, to: &Method) -> Result<Framing, BadHead> {
        if self.chunked && self.length.is_some() {
            // Whoever reads the one and whoever reads the other see different messages.
            return Err(BadHead("a body has a length and is in chunks"));
        }
        let none = *to == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        Ok(match self.length {
            _ if none => Framing::Exact(0),
            _ if self.chunked => Framing::Chunked(Chunks::Length),
            Some(length) => Framing::Exact(length),
            None => Framing::UntilEnd,
        })
    }
}

/// A response's head as a value. The bytes are those of the head.
pub(crate) fn parts(bytes: &Bytes, status: StatusCode) -> Result<Response<()>, BadHead> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let mut found = Ok(());
    let headers = response.headers_mut();
    self::response(bytes, &Method::GET, |field| {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return;
        }
        if let Err(bad) = insert(headers, field, bytes) {
            found = Err(bad);
        }
    })?;
    found.map(|()| response)
}

/// Adds a field whose value lies in those bytes.
fn insert(
    headers: &mut HeaderMap,
    field: &httparse::Header<'_>,
    bytes: &Bytes,
) -> Result<(), BadHead> {
    let bad = |_| BadHead("a field is malformed");
    let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad(()))?;
    let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value));
    headers.append(name, value.map_err(|_| bad(()))?);
    Ok(())
}

/// Trailers as a value. The bytes end with an empty line.
pub(crate) fn trailers(bytes: &Bytes) -> Result<HeaderMap, BadHead> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let parsed = httparse::parse_headers(bytes, &mut fields);
    let Ok(httparse::Status::Complete((_, fields))) = parsed else {
        return Err(BadHead("trailers are malformed"));
    };
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        insert(&mut headers, field, bytes)?;
    }
    Ok(headers)
}

/// Writes the head of a request that has no body.
pub(crate) fn write_request<B>(request: &Request<B>, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    let path = request.uri().path_and_query();
    out.extend_from_slice(path.map_or("/", |path| path.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        if name != CONTENT_LENGTH {
            write_field(name.as_str(), value.as_bytes(), out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head.
pub(crate) fn write_response<B>(response: &Response<B>, out: &mut Vec<u8>) {
    write_status(response.status(), out);
    for (name, value) in response.headers() {
        write_field(name.as_str(), value.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the line that a response begins with.
pub(crate) fn write_status(status: StatusCode, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes one field.
pub(crate) fn write_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A request's head, whose fields are looked at without being copied.
pub(crate) struct Asking<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) fields: &'a [httparse::Header<'a>],
    /// The bytes of the head.
    pub(crate) length: usize,
}

/// Reads a request's head, if it is whole, and has `see` see it. None also for what is no HTTP/1.1.
pub(crate) fn request<R>(
    bytes: &[u8],
    see: impl FnOnce(&Asking<'_>) -> R,
) -> Result<Option<R>, BadHead> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) => match (head.method, head.path, head.version) {
            (Some(method), Some(path), Some(1)) => Ok(Some(see(&Asking {
                method,
                path,
                fields: head.headers,
                length,
            }))),
            _ => Err(BadHead("the request is of another version")),
        },
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(BadHead("the request is malformed")),
    }
}

/// Whether a field is for the stream that it came on, or named there as such.
pub(crate) fn is_for_one_hop(name: &str, named: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    FOR_ONE_HOP.iter().any(|one| is(one))
        || (!named.is_empty()
            && named.split(',').any(|one| is(one.trim()))
            // Framing cannot be talked away.
            && !is("content-length")
            && !is("transfer-encoding")
            && !is("host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str, to: &Method) -> Result<Option<Answered>, BadHead> {
        response(head.as_bytes(), to, |_| ())
    }

    #[test]
    fn an_answer_that_two_readers_could_read_differently_is_refused() {
        for fields in [
            "content-length: 3\r\ncontent-length: 4",
            "content-length: +3",
            "content-length: 3, 3",
            "content-length: ",
            "content-length: 3\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: gzip, chunked",
            "x: a\r\n b",
            "x : a",
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert!(read(&head, &Method::GET).is_err(), "{fields}");
        }
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let exact = |head: &str, to: &Method| {
            let answered = read(head, to).unwrap().unwrap();
            assert_eq!(answered.length, head.len());
            match answered.framing {
                Framing::Exact(length) => Some((length, answered.stays)),
                _ => None,
            }
        };
        let get = &Method::GET;
        let three = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(exact(three, get), Some((3, true)));
        assert_eq!(exact(three, &Method::HEAD), Some((0, true)));
        let not_modified = "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(exact(not_modified, get), Some((0, true)));
        let last = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: x, Close\r\n\r\n";
        assert_eq!(exact(last, get), Some((3, false)));
        assert_eq!(exact("HTTP/1.1 200 OK\r\n\r\n", get), None);
        assert!(!read("HTTP/1.1 200 OK\r\n\r\n", get).unwrap().unwrap().stays);
        assert!(
            read("HTTP/1.1 200 OK\r\ncontent-le", get)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_for_one_hop_is_known_by_its_name_or_by_being_named() {
        for name in ["Connection", "keep-alive", "Upgrade", "te", "x-hop"] {
            assert!(is_for_one_hop(name, "close, X-Hop"), "{name}");
        }
        for name in ["content-length", "host", "transfer-encoding", "x-end"] {
            assert!(
                !is_for_one_hop(name, "content-length, host, transfer-encoding"),
                "{name}"
            );
        }
    }
}
