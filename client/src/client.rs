//! The client.

mod audit;
mod backup;
mod code;
mod operate;
mod place;
mod profiles;
mod request;
mod sessions;
mod tokens;

pub use audit::AuditQuery;
pub use code::NewCode;

use std::path::Path;

use http::Uri;
use waybook_location_tree::PlaceName;

use crate::connections::Connections;
use crate::tls::Tls;
use crate::{Error, Runtime, connect};
use request::escape;
pub(crate) use request::unreachable;

/// Reaches one place, and through it every other one of its tree. Cheap to clone; clones share their
/// connections to the place, which are used again and again and closed when they have been idle for
/// some seconds.
#[derive(Debug, Clone)]
pub struct Client {
    address: String,
    token: String,
    at: Option<PlaceName>,
    traceparent: Option<String>,
    connections: Connections,
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
            connections: Connections::new(tls),
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
            connections: Connections::new(tls),
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
            self.connections.scheme(),
            self.address,
            escape(&self.token)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
