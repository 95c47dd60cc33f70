//! How a request goes to the daemon, and its answer comes back.

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use crate::Error;
use crate::model::Problem;

/// Greatest answer that is read as a whole.
const MOST_ANSWER: usize = 64 << 20;

impl Client {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(self.request(Method::GET, path)?, Full::default())
            .await
    }

    /// Sends a form, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(
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
    pub(super) async fn watch(&self, path: &str, form: &impl Serialize) -> Result<Incoming, Error> {
        let request = self
            .request(Method::POST, path)?
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream");
        self.send(request, Full::new(json(form)?)).await
    }

    pub(super) async fn tell(&self, method: Method, path: &str) -> Result<(), Error> {
        let request = self.request(method, path)?;
        self.send(request, Full::default()).await.map(drop)
    }

    pub(super) async fn read<T: DeserializeOwned, B>(
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

    pub(super) fn request(
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
        let uri: Uri = format!(
            "{}://{}/api/v1{path}{query}",
            self.connections.scheme(),
            self.address
        )
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

    /// Sends a request; problems are errors.
    pub(super) async fn send<B>(
        &self,
        request: http::request::Builder,
        body: B,
    ) -> Result<Incoming, Error>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let body = body.map_err(Into::into).boxed_unsync();
        let request = request.body(body).map_err(|error| Error::Url {
            url: self.address.clone(),
            why: error.to_string(),
        })?;
        let response = self.connections.send(&self.address, request).await?;
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

pub(super) async fn collect(address: &str, body: Incoming) -> Result<Bytes, Error> {
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

/// A text as one segment of a path (RFC 3986, section 3.3).
pub(super) fn escape(text: &str) -> String {
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
}
