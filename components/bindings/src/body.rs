//! Bodies: taking one from a message, sending one on, making one.

use waybook_http_rules::fields::Fields as FieldList;
use wit_bindgen::rt::async_support::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter,
};

use crate::wasi::http::types::{ErrorCode, Fields, Request, RequestOptions, Response, Trailers};
use crate::{spawn_local, wit_future, wit_stream};

/// How many bytes are read at once at most.
const CHUNK: usize = 64 * 1024;

/// How a body ended: whole, with or without trailers, or not.
pub type End = Result<Option<Trailers>, ErrorCode>;

/// A body that arrives.
pub struct Incoming {
    stream: StreamReader<u8>,
    end: FutureReader<End>,
}

impl Incoming {
    /// The body of a response. What becomes of it is not told to whoever sent it.
    #[must_use]
    pub fn of_response(response: Response) -> Incoming {
        let (_, outcome) = wit_future::new(|| Ok(()));
        let (stream, end) = Response::consume_body(response, outcome);
        Incoming { stream, end }
    }

    /// The body of a request, likewise.
    #[must_use]
    pub fn of_request(request: Request) -> Incoming {
        let (_, outcome) = wit_future::new(|| Ok(()));
        let (stream, end) = Request::consume_body(request, outcome);
        Incoming { stream, end }
    }

    /// The next bytes; None at the end.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let (result, bytes) = self.stream.read(Vec::with_capacity(CHUNK)).await;
            if !bytes.is_empty() {
                return Some(bytes);
            }
            if !matches!(result, StreamResult::Complete(_)) {
                return None;
            }
        }
    }

    /// How the body ended. To be asked after the last bytes.
    ///
    /// # Errors
    /// The body is not whole.
    pub async fn end(self) -> End {
        drop(self.stream);
        self.end.await
    }

    /// Sends it on, unread, as the body of a new response.
    #[must_use]
    pub fn respond(self, status: u16, headers: Fields) -> Response {
        with_status(
            Response::new(headers, Some(self.stream), self.end).0,
            status,
        )
    }
}

/// A body that is being made.
pub struct Outgoing {
    stream: StreamWriter<u8>,
    end: FutureWriter<End>,
}

impl Outgoing {
    /// A response and the way to send its body. Should the body be dropped before [`Outgoing::finish`],
    /// whoever receives it learns that it is not whole.
    #[must_use]
    pub fn open(status: u16, headers: Fields) -> (Response, Outgoing) {
        let (writer, reader) = wit_stream::new();
        let (end_writer, end_reader) = wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
        let (response, _) = Response::new(headers, Some(reader), end_reader);
        (
            with_status(response, status),
            Outgoing {
                stream: writer,
                end: end_writer,
            },
        )
    }

    /// Sends some bytes. False when nobody wants more.
    pub async fn send(&mut self, bytes: Vec<u8>) -> bool {
        self.stream.write_all(bytes).await.is_empty()
    }

    /// Ends it.
    pub async fn finish(self, end: End) {
        drop(self.stream);
        // Whoever has gone away does not need to know how it ended.
        let _ = self.end.write(end).await;
    }

    /// Sends all that is left of another body, and ends as that did.
    pub async fn relay(mut self, mut from: Incoming) {
        while let Some(bytes) = from.next().await {
            if !self.send(bytes).await {
                return;
            }
        }
        let end = from.end().await;
        self.finish(end).await;
    }
}

/// A response without a body.
#[must_use]
pub fn bare(status: u16, headers: Fields) -> Response {
    let (_, end) = wit_future::new(|| Ok(None));
    with_status(Response::new(headers, None, end).0, status)
}

/// A response whose body is in memory already.
#[must_use]
pub fn whole(status: u16, headers: Fields, body: Vec<u8>) -> Response {
    let (response, mut outgoing) = Outgoing::open(status, headers);
    spawn_local(async move {
        if outgoing.send(body).await {
            outgoing.finish(Ok(None)).await;
        }
    });
    response
}

/// A response with a line of text, such as what is wrong with a setting.
#[must_use]
pub fn text(status: u16, line: &str) -> Response {
    let body = format!("{line}\n").into_bytes();
    let headers = fields(&vec![
        (
            "content-type".to_owned(),
            b"text/plain; charset=utf-8".to_vec(),
        ),
        (
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ),
    ]);
    whole(status, headers, body)
}

/// A request without a body.
#[must_use]
pub fn request(headers: Fields, options: Option<RequestOptions>) -> Request {
    let (_, end) = wit_future::new(|| Ok(None));
    Request::new(headers, None, end, options).0
}

/// Header fields of a list. What the host does not let a component set is left out.
#[must_use]
pub fn fields(list: &FieldList) -> Fields {
    let fields = Fields::new();
    for (name, value) in list {
        let _ = fields.append(name, value);
    }
    fields
}

/// A copy of fields that can be changed, with some left out.
#[must_use]
pub fn without(fields: &Fields, names: &[&str]) -> Fields {
    let copy = fields.clone();
    for name in names {
        let _ = copy.delete(name);
    }
    copy
}

fn with_status(response: Response, status: u16) -> Response {
    // Only a number that is no status is refused, and every caller has one that was.
    let _ = response.set_status_code(status);
    response
}
