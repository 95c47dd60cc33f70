//! The client.

mod audit;
mod operate;
mod tokens;

pub use audit::AuditQuery;

use std::path::Path;

use bytes::Bytes;
use data_encoding::BASE64;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use waybook_location_tree::PlaceName;

use crate::model::{
    BookingInfo, CodeDetail, CodeInfo, EndInfo, EstablishedInfo, HopInfo, LinksInfo, LogForm,
    LogInfo, OpenForm, PlaceInfo, PrefetchForm, PresentationInfo, Problem, RefusedInfo,
    ReleaseInfo, SessionDetail, SessionInfo, SetupDetail, SetupInfo, StrategyForm, StrategyInfo,
    SurveyInfo, TraceInfo, TreePlaceInfo, WalkInfo,
};
use crate::tls::Tls;
use crate::upload::Upload;
use crate::{Error, Events, Fetching, Runtime, connect};

/// Greatest answer that is read as a whole.
const MOST_ANSWER: usize = 64 << 20;

/// Code that is to be added at a place.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// The component's binary.
    pub binary: &'a Path,
    /// The text of its `component.toml`. Without one, the binary must say its name and
    /// version itself.
    pub manifest: Option<&'a str>,
    /// The publisher's key and signature, as `waybook component sign` writes them.
    pub signature: Option<&'a str>,
}

/// Reaches one place, and through it every other one of its tree. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    address: String,
    token: String,
    at: Option<PlaceName>,
    traceparent: Option<String>,
    tls: Option<Tls>,
}

impl Client {
    /// A client of the daemon that runs in that data folder.
    ///
    /// # Errors
    /// If no daemon runs there, or its files cannot be read.
    pub fn from_folder(folder: &Path) -> Result<Self, Error> {
        let runtime = Runtime::read(folder)?;
        let token = connect::token(folder)?;
        let api = runtime.api.ok_or_else(|| Error::NotRunning {
            folder: folder.to_owned(),
        })?;
        let tls = runtime.api_certificate.as_ref();
        let tls = tls.map(|path| Tls::only(&folder.join(path)));
        let tls = tls.transpose()?;
        Ok(Self {
            address: api.to_string(),
            token,
            at: None,
            traceparent: None,
            tls,
        })
    }

    /// A client of the control API at an address such as `http://127.0.0.1:7000`, or with
    /// `https://`, where this machine must trust whoever issued the certificate.
    ///
    /// # Errors
    /// [`Error::Url`] if it is no such address.
    pub fn new(url: &str, token: &str) -> Result<Self, Error> {
        Self::reaching(url, token, None)
    }

    /// A client of the control API at an `https://` address, whose certificate is by an authority
    /// of that file (PEM), or is in it.
    ///
    /// # Errors
    /// [`Error::Url`] if it is no such address, [`Error::File`] if there is no certificate in the
    /// file.
    pub fn trusting(url: &str, token: &str, authority: &Path) -> Result<Self, Error> {
        Self::reaching(url, token, Some(authority))
    }

    fn reaching(url: &str, token: &str, authority: Option<&Path>) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Url {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") | None if authority.is_none() => false,
            Some("http") | None => {
                return Err(wrong("a certificate is only shown at `https://`"));
            }
            Some(_) => return Err(wrong("it must begin with `http://` or `https://`")),
        };
        let host = uri.host().ok_or_else(|| wrong("it names no host"))?;
        let port = uri.port_u16().ok_or_else(|| wrong("it names no port"))?;
        let tls = encrypted.then(|| Tls::trusting(host, authority));
        let tls = tls.transpose()?;
        Ok(Self {
            address: format!("{host}:{port}"),
            token: token.to_owned(),
            at: None,
            traceparent: None,
            tls,
        })
    }

    /// The same daemon, asked on behalf of another place: requests travel through the
    /// tree, and that place answers.
    #[must_use]
    pub fn at(&self, place: PlaceName) -> Self {
        Self {
            at: Some(place),
            ..self.clone()
        }
    }

    /// The same, as part of a trace of the caller's own: set-ups that are opened through it belong
    /// to the span that `traceparent` names (W3C Trace Context).
    #[must_use]
    pub fn traced(&self, traceparent: &str) -> Self {
        Self {
            traceparent: Some(traceparent.to_owned()),
            ..self.clone()
        }
    }

    /// Where the daemon answers, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where a browser shows the place's page. The token is in what browsers keep to themselves
    /// (the fragment); whoever has the URL may do what the token lets them.
    #[must_use]
    pub fn page(&self) -> String {
        let place = self.at.as_ref().map(|at| format!("&place={at}"));
        let place = place.unwrap_or_default();
        format!(
            "{}://{}/#token={}{place}",
            if self.tls.is_some() { "https" } else { "http" },
            self.address,
            escape(&self.token)
        )
    }

    /// The place: its connections, addresses, resources and counters.
    ///
    /// # Errors
    /// [`Error`], as for every request: the daemon cannot be reached, or answers with a
    /// problem.
    pub async fn place(&self) -> Result<PlaceInfo, Error> {
        self.get("/place").await
    }

    /// The place and all below it, as far as they have said how they do.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn tree(&self) -> Result<Vec<TreePlaceInfo>, Error> {
        self.get("/tree").await
    }

    /// What came from the place's neighbours and clients, and what of it was in vain.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn links(&self) -> Result<LinksInfo, Error> {
        self.get("/links").await
    }

    /// What the daemon logs.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn log(&self) -> Result<LogInfo, Error> {
        self.get("/log").await
    }

    /// The daemon logs that from now on, until it is started again.
    ///
    /// # Errors
    /// As [`Client::place`]; a filter that is none is refused.
    pub async fn set_log(&self, filter: &str) -> Result<LogInfo, Error> {
        let form = LogForm {
            filter: filter.to_owned(),
        };
        self.ask(Method::PUT, "/log", &form).await
    }

    /// The place's figures for collectors, in the text of OpenMetrics.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn metrics(&self) -> Result<String, Error> {
        let request = self.request(Method::GET, "/metrics")?;
        let body = self.send(request, Full::default()).await?;
        let bytes = collect(&self.address, body).await?;
        String::from_utf8(bytes.into()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// The bookings at the place.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn bookings(&self) -> Result<Vec<BookingInfo>, Error> {
        self.get("/bookings").await
    }

    /// The presentations that are served in the place's locality.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn presentations(&self) -> Result<Vec<PresentationInfo>, Error> {
        self.get("/presentations").await
    }

    /// The place serves a presentation from now on; `toml` is a presentation file.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn publish(&self, toml: &str) -> Result<PresentationInfo, Error> {
        let request = self.request(Method::PUT, "/presentations")?;
        let request = request.header(header::CONTENT_TYPE, "application/toml");
        self.read(request, Full::new(toml.to_owned().into())).await
    }

    /// The place no longer serves a presentation.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn withdraw(&self, title: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &format!("/presentations/{}", escape(title)))
            .await
    }

    /// The sessions whose client's place it is.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        self.get("/sessions").await
    }

    /// A session with every hop.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn session(&self, id: &str) -> Result<SessionDetail, Error> {
        self.get(&format!("/sessions/{}", escape(id))).await
    }

    /// What the place knows of a session that it is a hop of.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn hop(&self, id: &str) -> Result<HopInfo, Error> {
        self.get(&format!("/hops/{}", escape(id))).await
    }

    /// The sessions that the place is a hop of, the newest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn hops(&self) -> Result<Vec<HopInfo>, Error> {
        self.get("/hops").await
    }

    /// The latest set-ups that were refused, oldest first: those of the place's clients, and what
    /// of other places' set-ups was refused here.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn refusals(&self) -> Result<Vec<RefusedInfo>, Error> {
        self.get("/refusals").await
    }

    /// The latest agents that came to the place or went from it, oldest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn walks(&self) -> Result<Vec<WalkInfo>, Error> {
        self.get("/walks").await
    }

    /// Opens a session and watches how it is set up. Claim it soon.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal comes as the last event.
    pub async fn open(&self, form: &OpenForm) -> Result<Events, Error> {
        let body = self.watch("/sessions", form).await?;
        Ok(Events::new(body, self.address.clone()))
    }

    /// Opens a session and waits until it stands. Claim it soon.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal is a problem.
    pub async fn open_quietly(&self, form: &OpenForm) -> Result<EstablishedInfo, Error> {
        self.ask(Method::POST, "/sessions", form).await
    }

    /// Asks what an open would do.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn dry_run(&self, form: &OpenForm) -> Result<SurveyInfo, Error> {
        self.ask(Method::POST, "/dry-run", form).await
    }

    /// Says that a session is going to be used.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn claim(&self, id: &str) -> Result<(), Error> {
        self.tell(Method::POST, &format!("/sessions/{}/claim", escape(id)))
            .await
    }

    /// Ends a session, or its set-up.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn close(&self, id: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &format!("/sessions/{}", escape(id)))
            .await
    }

    /// The set-ups that the place remembers, the latest first.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn setups(&self) -> Result<Vec<SetupInfo>, Error> {
        self.get("/setups").await
    }

    /// A set-up with what was tried, and why it was refused.
    ///
    /// # Errors
    /// As [`Client::place`]; also if the place does not remember it.
    pub async fn setup(&self, session: &str) -> Result<SetupDetail, Error> {
        self.get(&format!("/setups/{session}")).await
    }

    /// What took how long during a set-up, at all its places.
    ///
    /// # Errors
    /// As [`Client::setup`].
    pub async fn trace(&self, session: &str) -> Result<TraceInfo, Error> {
        self.get(&format!("/setups/{session}/trace")).await
    }

    /// Waits until a session is over.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn wait_for_end(&self, id: &str) -> Result<EndInfo, Error> {
        self.get(&format!("/sessions/{}/end", escape(id))).await
    }

    /// The code that the place holds or that is on its way there; `everywhere`, also what
    /// the rest of its locality is known to hold.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn components(&self, everywhere: bool) -> Result<Vec<CodeInfo>, Error> {
        let reach = if everywhere { "?everywhere=true" } else { "" };
        self.get(&format!("/components{reach}")).await
    }

    /// All that the place knows of some code: `name@version`, `name`, or `sha256:` and at
    /// least six digits.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn component(&self, code: &str) -> Result<CodeDetail, Error> {
        self.get(&component(code, "")).await
    }

    /// Adds code at the place. The file is sent as it is read; `progress` is told how many
    /// bytes have been handed over.
    ///
    /// # Errors
    /// As [`Client::place`], and [`Error::Upload`] if the file cannot be read.
    pub async fn add_component(
        &self,
        code: NewCode<'_>,
        progress: impl FnMut(u64) + Send + Unpin + 'static,
    ) -> Result<CodeInfo, Error> {
        let mut request = self
            .request(Method::POST, "/components")?
            .header(header::CONTENT_TYPE, "application/wasm");
        if let Some(manifest) = code.manifest {
            let manifest = BASE64.encode(manifest.as_bytes());
            request = request.header("waybook-manifest", manifest);
        }
        if let Some(signature) = code.signature {
            request = request.header("waybook-signature", signature.trim());
        }
        let upload = Upload::open(code.binary, progress).await?;
        self.read(request, upload).await
    }

    /// The place no longer holds the code, nor offers it.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn remove_component(&self, code: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &component(code, "")).await
    }

    /// Keeps code at the place whatever happens, or no longer.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn pin_component(&self, code: &str, pinned: bool) -> Result<(), Error> {
        let how = if pinned { "/pin" } else { "/unpin" };
        self.tell(Method::POST, &component(code, how)).await
    }

    /// Fetches what a reference (`name@range`) stands for, with its dependencies, and
    /// watches it come.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal comes as the last event.
    pub async fn prefetch(&self, reference: &str) -> Result<Fetching, Error> {
        let form = PrefetchForm {
            reference: reference.to_owned(),
        };
        let body = self.watch("/components/prefetch", &form).await?;
        Ok(Fetching::new(body, self.address.clone()))
    }

    /// Drops all code that is neither pinned, nor running, nor was added at the place, and
    /// lists it.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn collect_components(&self) -> Result<Vec<ReleaseInfo>, Error> {
        let request = self.request(Method::POST, "/components/collect")?;
        self.read(request, Full::default()).await
    }

    /// How the place's download agents look for code.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn download_strategy(&self) -> Result<StrategyInfo, Error> {
        self.get("/code/strategy").await
    }

    /// Changes how the download agents that the place launches from now on look for code.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn set_download_strategy(&self, strategy: &str) -> Result<StrategyInfo, Error> {
        let form = StrategyForm {
            strategy: strategy.to_owned(),
        };
        self.ask(Method::PUT, "/code/strategy", &form).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(self.request(Method::GET, path)?, Full::default())
            .await
    }

    /// Sends a form, and reads the answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: &impl Serialize,
    ) -> Result<T, Error> {
        let request = self
            .request(method, path)?
            .header(header::CONTENT_TYPE, "application/json");
        self.read(request, Full::new(json(form)?)).await
    }

    /// Sends a form that is answered by events.
    async fn watch(&self, path: &str, form: &impl Serialize) -> Result<Incoming, Error> {
        let request = self
            .request(Method::POST, path)?
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream");
        self.send(request, Full::new(json(form)?)).await
    }

    async fn tell(&self, method: Method, path: &str) -> Result<(), Error> {
        let request = self.request(method, path)?;
        self.send(request, Full::default()).await.map(drop)
    }

    async fn read<T: DeserializeOwned, B>(
        &self,
        request: http::request::Builder,
        body: B,
    ) -> Result<T, Error>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let body = self.send(request, body).await?;
        let bytes = collect(&self.address, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Answer(error.to_string()))
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
    ) -> Result<http::request::Builder, Error> {
        let query = match &self.at {
            // Names are letters, digits, `-` and `/`, all of which stand for themselves.
            Some(place) if path.contains('?') => format!("&at={place}"),
            Some(place) => format!("?at={place}"),
            None => String::new(),
        };
        let uri: Uri =
            format!("/api/v1{path}{query}")
                .parse()
                .map_err(|error: http::uri::InvalidUri| Error::Url {
                    url: path.to_owned(),
                    why: error.to_string(),
                })?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        Ok(match &self.traceparent {
            Some(traceparent) => request.header("traceparent", traceparent),
            None => request,
        })
    }

    /// Speaks HTTP over a connection.
    async fn begin<S, B>(&self, stream: S) -> Result<SendRequest<B>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(&self.address, &error))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends a request over a connection of its own; problems are errors.
    pub(crate) async fn send<B>(
        &self,
        request: http::request::Builder,
        body: B,
    ) -> Result<Incoming, Error>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let request = request.body(body).map_err(|error| Error::Url {
            url: self.address.clone(),
            why: error.to_string(),
        })?;
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|error| unreachable(&self.address, &error))?;
        let mut sender = match &self.tls {
            None => self.begin(stream).await?,
            Some(tls) => {
                self.begin(tls.connect(&self.address, stream).await?)
                    .await?
            }
        };
        let response =
            sender
                .send_request(request)
                .await
                .map_err(|error| match std::error::Error::source(&error) {
                    Some(source) if error.is_user() => Error::Upload(source.to_string()),
                    _ => unreachable(&self.address, &error),
                })?;
        let status = response.status();
        let body = response.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let bytes = collect(&self.address, body).await?;
        Err(problem(status, &bytes))
    }
}

pub(crate) fn unreachable(address: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Unreachable {
        address: address.to_owned(),
        why: why.to_string(),
    }
}

async fn collect(address: &str, body: Incoming) -> Result<Bytes, Error> {
    match Limited::new(body, MOST_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(unreachable(address, &error)),
    }
}

fn problem(status: StatusCode, bytes: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => Error::Problem(Box::new(problem)),
        Err(_) => Error::Answer(format!("status {status}")),
    }
}

fn json(form: &impl Serialize) -> Result<Bytes, Error> {
    match serde_json::to_vec(form) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(Error::Answer(error.to_string())),
    }
}

/// The path of some code.
fn component(code: &str, how: &str) -> String {
    format!("/components/{}{how}", escape(code))
}

/// A text as one segment of a path (RFC 3986, section 3.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_title_is_one_segment_of_a_path() {
        assert_eq!(escape("film"), "film");
        assert_eq!(escape("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }

    #[test]
    fn only_whole_addresses_are_urls() {
        assert_eq!(
            Client::new("http://127.0.0.1:80/", "x").unwrap().address(),
            "127.0.0.1:80"
        );
        let https = Client::new("https://127.0.0.1:80", "x").unwrap();
        assert!(https.page().starts_with("https://127.0.0.1:80/#"));
        for url in ["ftp://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1", ""] {
            assert!(Client::new(url, "x").is_err(), "{url}");
        }
    }

    #[test]
    fn a_folder_without_a_daemon_says_how_to_start_one() {
        let error = Client::from_folder("no/such/folder".as_ref()).unwrap_err();
        assert!(error.to_string().contains("waybook place run"), "{error}");
    }
}
