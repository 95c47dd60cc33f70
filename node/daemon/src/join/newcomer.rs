//! The machine that joins.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, ConnectionId, Endpoint, VarInt};
use waybook_plan::format_duration;

use super::letter::{Answer, MOST_ANSWER, Request};
use super::token::Token;
use super::{ALPN, MARK, UNPREDICTABLE};
use crate::config::IdentityPaths;
use crate::files::{self, Existing, FileError};
use crate::identity::{self, Identity, Pinned};
use crate::moment::seconds;

/// How long a parent may take to answer, at each of its addresses.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks that are farther apart are worth a word.
const APART: u64 = 60;

/// A machine that is about to become a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// What it was invited with.
    pub token: Token,
    /// The folder that gets the place's identity. It must not be there yet.
    pub identity: PathBuf,
}

/// A machine that has an identity.
#[derive(Debug)]
pub struct Joined {
    /// Where the parent has answered, as the token has it.
    pub parent: String,
    /// The parent's address as it was resolved.
    pub address: SocketAddr,
    /// When the certificate ends.
    pub not_after: SystemTime,
    /// If this machine's clock and the parent's differ much, a sentence about it.
    pub clock: Option<String>,
    waiting: PathBuf,
    identity: PathBuf,
}

/// Why a machine has not joined. The key that it has made is kept for a next attempt.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A file or folder is in the way, or wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The parent does not answer; the sentence has each address and what happened there.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody else answers in its stead, who was told nothing.
    #[error("{0}")]
    Stranger(String),
    /// The parent says no, and why.
    #[error("`{parent}` refuses: {why}")]
    Refused {
        /// The parent's name.
        parent: String,
        /// Why.
        why: String,
    },
    /// What the parent has answered cannot be used.
    #[error("{0}")]
    Answer(String),
}

impl Newcomer {
    /// Whether a join into that folder was begun and not finished.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        waiting(&self.identity).exists()
    }

    /// Asks the parent for a certificate. What it gives is put beside the folder of the identity;
    /// [`Joined::settle`] puts it there.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(&self) -> Result<Joined, JoinError> {
        if self.identity.exists() {
            return Err(FileError::new(&self.identity, FileError::THERE).into());
        }
        let waiting = waiting(&self.identity);
        let request = identity::request(&waiting, &self.token.name)?;
        let request = Request::write(&self.token, request);
        let (parent, address, answer) = self.ask(&request).await?;
        let (certificate, authority, clock) = match answer {
            Answer::Joined {
                certificate,
                authority,
                clock,
            } => (certificate, authority, clock),
            Answer::Refused { why } => {
                let parent = self.parent();
                return Err(JoinError::Refused { parent, why });
            }
        };
        for (name, text) in [("place.crt", certificate), ("authority.crt", authority)] {
            let path = waiting.join(name);
            files::write_file(&path, text.as_bytes(), 0o644, Existing::Replace)?;
        }
        let now = SystemTime::now();
        let clock = apart(seconds(now), clock);
        let paths = IdentityPaths::in_folder(&waiting);
        let loaded = Identity::load(&paths, &self.token.name, now).map_err(|error| {
            let clock = clock.as_deref().unwrap_or_default();
            let what = format!("the certificate that the parent has given: {error} {clock}");
            JoinError::Answer(what.trim_end().to_owned())
        })?;
        Ok(Joined {
            parent,
            address,
            not_after: loaded.not_after(),
            clock,
            waiting,
            identity: self.identity.clone(),
        })
    }

    fn parent(&self) -> String {
        let parent = self.token.name.parent();
        parent.map_or_else(String::new, |parent| parent.to_string())
    }

    /// Asks at each address until the parent answers.
    async fn ask(&self, request: &[u8]) -> Result<(String, SocketAddr, Answer), JoinError> {
        let mut said = Vec::new();
        let mut strangers = false;
        for stated in &self.token.addresses {
            let resolved = match tokio::net::lookup_host(stated).await {
                Ok(resolved) => resolved,
                Err(error) => {
                    said.push(format!("{stated}: cannot be resolved: {error}"));
                    continue;
                }
            };
            for address in resolved {
                match self.ask_at(address, request).await {
                    Ok(answer) => return Ok((stated.clone(), address, answer)),
                    Err((why, stranger)) => {
                        strangers |= stranger;
                        said.push(format!("{address}: {why}"));
                    }
                }
            }
        }
        let parent = self.parent();
        let said = said.join("; ");
        Err(match strangers {
            true => JoinError::Stranger(format!(
                "whoever answers in place of `{parent}` has another key than the one in the token, \
                 and was told nothing. Either the place has a new key since the token was made (ask \
                 for a new token), or it is somebody else: {said}"
            )),
            false => JoinError::Unreachable(format!("`{parent}` cannot be reached: {said}")),
        })
    }

    /// Asks at one address. Says why there is no answer, and whether a stranger was there.
    async fn ask_at(&self, address: SocketAddr, request: &[u8]) -> Result<Answer, (String, bool)> {
        let pinned = Pinned::new(self.token.key);
        let asking = async {
            let (endpoint, client) = dialling(&pinned, address)?;
            // Nobody is asked for by name: the key says more.
            let connecting = endpoint.connect_with(client, address, "parent.invalid");
            let connecting = connecting.map_err(|error| error.to_string())?;
            let connection = connecting.await.map_err(|error| explain(&error))?;
            let answer = exchange(&connection, request).await;
            connection.close(VarInt::from_u32(0), b"");
            endpoint.wait_idle().await;
            answer
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        let asked = asked.unwrap_or_else(|_| {
            Err(format!(
                "no answer within {PATIENCE:?}; is the address right, and UDP let through?"
            ))
        });
        asked.map_err(|why| match pinned.met_another() {
            true => ("has another key".to_owned(), true),
            false => (why, false),
        })
    }
}

impl Joined {
    /// Puts the identity where it belongs.
    ///
    /// # Errors
    /// [`FileError`], if the folder has come to be there meanwhile, for instance.
    pub fn settle(&self) -> Result<(), FileError> {
        let fail = |error| FileError::new(&self.identity, error);
        if self.identity.exists() {
            return Err(FileError::new(&self.identity, FileError::THERE));
        }
        std::fs::rename(&self.waiting, &self.identity).map_err(fail)?;
        let folder = self.identity.parent().unwrap_or(Path::new("."));
        let folder = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(fail)
    }
}

/// Where an identity is until all of it is there.
fn waiting(identity: &Path) -> PathBuf {
    let mut name = identity.file_name().unwrap_or_default().to_owned();
    name.push(".joining");
    identity.with_file_name(name)
}

/// What to say of two clocks.
fn apart(here: u64, there: u64) -> Option<String> {
    let by = here.abs_diff(there);
    let how = if here < there { "behind" } else { "ahead of" };
    let by_text = format_duration(Duration::from_secs(by));
    (by > APART).then(|| format!("The clock of this machine is {by_text} {how} the parent's."))
}

/// A socket that reaches that address, and how to dial.
fn dialling(pinned: &Arc<Pinned>, address: SocketAddr) -> Result<(Endpoint, ClientConfig), String> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let endpoint = Endpoint::client(SocketAddr::new(any, 0)).map_err(|error| error.to_string())?;
    let crypto = QuicClientConfig::try_from(pinned.client(ALPN)?);
    let crypto = crypto.map_err(|error| error.to_string())?;
    let mut client = ClientConfig::new(Arc::new(crypto));
    client.initial_dst_cid_provider(Arc::new(|| {
        let random = files::random_bytes::<UNPREDICTABLE>();
        ConnectionId::new(&[MARK, &random].concat())
    }));
    Ok((endpoint, client))
}

async fn exchange(connection: &Connection, request: &[u8]) -> Result<Answer, String> {
    let lost = |what: &dyn std::fmt::Display| match connection.close_reason() {
        Some(error) => explain(&error),
        None => what.to_string(),
    };
    let opened = connection.open_bi().await;
    let (mut send, mut receive) = opened.map_err(|error| explain(&error))?;
    send.write_all(request).await.map_err(|e| lost(&e))?;
    send.finish().map_err(|e| lost(&e))?;
    let answer = receive.read_to_end(MOST_ANSWER).await;
    Answer::read(&answer.map_err(|e| lost(&e))?)
}

/// Why a connection has ended, for people.
fn explain(error: &ConnectionError) -> String {
    // QUIC's own number for it.
    let refused = quinn::TransportErrorCode::CONNECTION_REFUSED;
    match error {
        ConnectionError::ConnectionClosed(close) if close.error_code == refused => {
            "takes nobody in now: no invitation is open there, or too many have just tried from \
             this address (try again in a minute)"
                .to_owned()
        }
        ConnectionError::TransportError(error) if error.code == refused => {
            "takes nobody in now".to_owned()
        }
        ConnectionError::TimedOut => "does not answer".to_owned(),
        error => error.to_string(),
    }
}
