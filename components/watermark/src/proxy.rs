//! What passes through: requests to the next server, answers back.

use wasip2::cli::environment;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingRequest, IncomingResponse,
    Method, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
    http_error_code,
};
use wasip2::io::poll;
use wasip2::io::streams::StreamError;
use waybook_guest_settings::Settings;
use waybook_http_rules::fields;

use crate::ask::{self, Answered, OF_THE_BYTES, PARTIAL};
use crate::edit::Editor;
use crate::pump::{Pump, Step};

struct Watermark;

wasip2::http::proxy::export!(Watermark);

/// What went wrong where the interface says no more than that it did.
fn internal(what: &str) -> ErrorCode {
    ErrorCode::InternalError(Some(format!("watermark: {what}")))
}

/// What was asked, and whom to ask.
struct Asked {
    method: Method,
    path: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<String>,
    headers: Fields,
    text: Option<String>,
}

impl Asked {
    fn of(request: &IncomingRequest) -> Result<Asked, String> {
        let settings = Settings::new(environment::get_environment());
        let (scheme, authority) = match settings.text("next")? {
            Some(url) => {
                let (scheme, authority) = ask::next(&url)?;
                (
                    Some(if scheme == "https" {
                        Scheme::Https
                    } else {
                        Scheme::Http
                    }),
                    Some(authority.to_owned()),
                )
            }
            None => (request.scheme(), request.authority()),
        };
        Ok(Asked {
            method: request.method(),
            path: request.path_with_query(),
            scheme,
            authority,
            headers: request.headers().clone(),
            text: settings.text("text")?,
        })
    }

    fn reads(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head)
    }

    /// A request to the next server: as it came, or for the whole in plain text.
    fn request(&self, whole: bool) -> Result<OutgoingRequest, ErrorCode> {
        let headers = self.headers.clone();
        // The next server's name is in the authority.
        let _ = headers.delete("host");
        if whole {
            for name in PARTIAL {
                let _ = headers.delete(name);
            }
            // Without the field any coding would do (RFC 9110, 12.5.3).
            let _ = headers.set("accept-encoding", &[b"identity".to_vec()]);
        }
        let request = OutgoingRequest::new(headers);
        request
            .set_method(&self.method)
            .map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
        request
            .set_path_with_query(self.path.as_deref())
            .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        request
            .set_scheme(self.scheme.as_ref())
            .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        request
            .set_authority(self.authority.as_deref())
            .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        Ok(request)
    }

    /// What writes on an answer, if anything does.
    fn editor(&self, answer: &fields::Fields) -> Option<Editor> {
        let kind = fields::first(answer, "content-type").unwrap_or_default();
        Editor::of(
            kind,
            self.path.as_deref().unwrap_or_default(),
            self.text.as_deref()?,
        )
    }
}

/// A request's body on its way to the next server.
struct Upload {
    pump: Pump,
    from: IncomingBody,
    to: OutgoingBody,
}

impl Upload {
    fn of(request: &IncomingRequest, next: &OutgoingRequest) -> Result<Upload, ErrorCode> {
        let taken = || internal("a body was taken twice");
        let from = request.consume().map_err(|()| taken())?;
        let to = next.body().map_err(|()| taken())?;
        let pump = Pump::new(
            from.stream().map_err(|()| taken())?,
            to.write().map_err(|()| taken())?,
            None,
        );
        Ok(Upload { pump, from, to })
    }

    fn finish(self) {
        drop(self.pump);
        // If it is refused the next server knows, and its answer says so.
        let _ = OutgoingBody::finish(self.to, trailers(self.from).ok().flatten());
    }
}

/// The trailers after a body that was read to its end.
fn trailers(body: IncomingBody) -> Result<Option<Fields>, ErrorCode> {
    let future = IncomingBody::finish(body);
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(trailers))) => Ok(trailers.map(|trailers| trailers.clone())),
        Some(Ok(Err(error))) => Err(error),
        _ => Err(internal("no trailers")),
    }
}

/// Waits for an answer and goes on sending the request's body meanwhile: a server may answer before it
/// has read all, and may read no more until its answer is read.
fn answer(
    future: &FutureIncomingResponse,
    upload: &mut Option<Upload>,
) -> Result<IncomingResponse, ErrorCode> {
    loop {
        if let Some(ready) = future.get() {
            return ready.map_err(|()| internal("an answer was taken twice"))?;
        }
        match run(upload) {
            Some(waits) => {
                poll::poll(&[&future.subscribe(), &waits]);
            }
            None => future.subscribe().block(),
        }
    }
}

/// Goes on with an upload; None when there is none any more.
fn run(upload: &mut Option<Upload>) -> Option<poll::Pollable> {
    match upload.as_mut()?.pump.run() {
        Step::Waits(pollable) => Some(pollable),
        Step::Done => {
            upload.take().into_iter().for_each(Upload::finish);
            None
        }
        // Dropping it tells the next server that the body is not whole.
        Step::BrokenOff(_) | Step::Unwanted => {
            *upload = None;
            None
        }
    }
}

/// Asks the next server, once more for the whole if a part came of what is to be written on.
fn ask(
    asked: &Asked,
    request: &IncomingRequest,
) -> Result<(IncomingResponse, Option<Upload>), ErrorCode> {
    let by_name = asked.text.is_some()
        && asked.reads()
        && ask::by_name(asked.path.as_deref().unwrap_or_default());
    let next = asked.request(by_name)?;
    let mut upload = Some(Upload::of(request, &next)?);
    let response = answer(&outgoing_handler::handle(next, None)?, &mut upload)?;
    let headers = response.headers().entries();
    let judged = ask::judge(
        response.status(),
        &headers,
        asked.editor(&headers).is_some(),
    );
    if judged != Answered::Partial || by_name || !asked.reads() {
        return Ok((response, upload));
    }
    drop((response, upload));
    let next = asked.request(true)?;
    let body = next
        .body()
        .map_err(|()| internal("a body was taken twice"))?;
    let future = outgoing_handler::handle(next, None)?;
    OutgoingBody::finish(body, None)?;
    Ok((answer(&future, &mut None)?, None))
}

/// Sends an answer on.
fn pass(
    asked: &Asked,
    response: IncomingResponse,
    mut upload: Option<Upload>,
    out: ResponseOutparam,
) -> Result<(), ErrorCode> {
    let headers = response.headers().clone();
    let list = headers.entries();
    let editor = asked.editor(&list);
    let editor = editor.filter(|_| ask::judge(response.status(), &list, true) == Answered::Ours);
    if editor.is_some() {
        for name in OF_THE_BYTES {
            let _ = headers.delete(name);
        }
    }
    let outgoing = OutgoingResponse::new(headers);
    // Only a number that is no status is refused, and this one came as a status.
    let _ = outgoing.set_status_code(response.status());
    if matches!(asked.method, Method::Head) {
        // Its length is that of a body which does not come.
        ResponseOutparam::set(out, Ok(outgoing));
        return Ok(());
    }
    let parts = (|| {
        let to = outgoing.body()?;
        let from = response.consume()?;
        let pump = Pump::new(from.stream()?, to.write()?, editor);
        Ok((to, from, pump))
    })();
    let (to, from, mut pump) = match parts {
        Ok(parts) => parts,
        Err(()) => {
            ResponseOutparam::set(out, Err(internal("an answer can't be passed on")));
            return Ok(());
        }
    };
    ResponseOutparam::set(out, Ok(outgoing));
    loop {
        let uploading = run(&mut upload);
        match pump.run() {
            Step::Done => break,
            Step::Waits(waits) => {
                let both: Vec<&poll::Pollable> = [Some(&waits), uploading.as_ref()]
                    .into_iter()
                    .flatten()
                    .collect();
                poll::poll(&both);
            }
            // The body is dropped unfinished, which whoever receives it sees.
            Step::Unwanted => return Ok(()),
            Step::BrokenOff(error) => return Err(reason(&error)),
        }
    }
    drop(pump);
    OutgoingBody::finish(to, trailers(from)?)
}

/// Why a body broke off.
fn reason(error: &StreamError) -> ErrorCode {
    match error {
        StreamError::LastOperationFailed(error) => {
            http_error_code(error).unwrap_or(ErrorCode::HttpResponseIncomplete)
        }
        StreamError::Closed => ErrorCode::HttpResponseIncomplete,
    }
}

/// An answer of our own.
fn refuse(out: ResponseOutparam, line: &str) {
    let body = format!("watermark: {line}\n").into_bytes();
    let headers = Fields::new();
    let _ = headers.set("content-type", &[b"text/plain; charset=utf-8".to_vec()]);
    let response = OutgoingResponse::new(headers);
    let parts = response
        .set_status_code(500)
        .and_then(|()| response.body())
        .and_then(|body| Ok((body.write()?, body)));
    match parts {
        Ok((stream, to)) => {
            ResponseOutparam::set(out, Ok(response));
            let written = stream.blocking_write_and_flush(&body);
            drop(stream);
            if written.is_ok() {
                let _ = OutgoingBody::finish(to, None);
            }
        }
        Err(()) => ResponseOutparam::set(out, Err(internal(line))),
    }
}

impl Guest for Watermark {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let asked = match Asked::of(&request) {
            Ok(asked) => asked,
            Err(error) => return refuse(out, &error),
        };
        match ask(&asked, &request) {
            // Once an answer has begun, all that can be told is that it is not whole; dropping its body did.
            Ok((response, upload)) => drop(pass(&asked, response, upload, out)),
            Err(error) => ResponseOutparam::set(out, Err(error)),
        }
    }
}
