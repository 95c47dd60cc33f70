//! The certificate that clients of the control API see: one from files, or one that the place makes
//! for itself. It is taken up anew when its files change, as the identity is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use waybook_location_tree::PlaceName;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::audit::{self, Audit};
use crate::config::{Change, TlsConfig};
use crate::files::{self, Existing, FileError};
use crate::moment::seconds;

/// How long a certificate holds that a place makes for itself: it is replaced by restarting.
const HOLDS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// What a connection by TLS begins with (RFC 8446, section 5.1): a record of a handshake.
const HANDSHAKE: u8 = 22;

/// The certificate of a control API while it runs.
pub struct ApiTls {
    config: TlsConfig,
    name: PlaceName,
    audit: Arc<Audit>,
    state: Mutex<State>,
}

struct State {
    digests: [blake3::Hash; 2],
    loaded: Loaded,
    problem: Option<String>,
}

/// What was read.
struct Loaded {
    server: Arc<ServerConfig>,
    /// For people.
    told: String,
}

impl std::fmt::Debug for ApiTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ApiTls");
        shown.field("config", &self.config).finish_non_exhaustive()
    }
}

impl ApiTls {
    /// Reads certificate and key, or makes them if the place is to have its own.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn open(
        config: TlsConfig,
        name: PlaceName,
        audit: Arc<Audit>,
    ) -> Result<Self, FileError> {
        let now = SystemTime::now();
        if let Some(names) = &config.own
            && !is_own(&config.certificate, names, now)
        {
            make(&config, names, &name, now)?;
        }
        // Before they are read: what changes meanwhile is seen later.
        let digests = digests(&config);
        let loaded = load(&config, now)?;
        let state = Mutex::new(State {
            digests,
            loaded,
            problem: None,
        });
        Ok(Self {
            config,
            name,
            audit,
            state,
        })
    }

    /// The file with the certificate that is in use.
    pub(crate) fn shown(&self) -> &Path {
        &self.config.shown
    }

    /// Takes up what has changed in the files. It reads files, and so blocks.
    ///
    /// # Errors
    /// What is wrong with which file; the certificate is what it was then.
    pub(crate) fn look(&self, now: SystemTime) -> Result<Vec<Change>, FileError> {
        let mut state = self.state();
        let digests = digests(&self.config);
        if digests == state.digests {
            return Ok(Vec::new());
        }
        let loaded = match load(&self.config, now) {
            Ok(loaded) => loaded,
            Err(error) => {
                let problem = Some(error.to_string());
                // The same news again and again helps nobody.
                if state.problem != problem {
                    tracing::error!(%error, "the control API goes on with the certificate that it has");
                    state.problem = problem;
                }
                return Err(error);
            }
        };
        let change = Change {
            setting: "api.tls.certificate".to_owned(),
            before: state.loaded.told.clone(),
            now: loaded.told.clone(),
        };
        *state = State {
            digests,
            loaded,
            problem: None,
        };
        drop(state);
        let Change {
            setting,
            before,
            now,
        } = &change;
        tracing::info!(%setting, %before, %now, "the certificate of the control API has changed");
        self.audit
            .note(&audit::Change::of_files(&self.name, &change));
        Ok(vec![change])
    }

    /// Looks every now and then, until the place stops.
    pub(crate) async fn keep(self: Arc<Self>, every: Duration, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stopping.cancelled() => return,
            }
            let this = Arc::clone(&self);
            // What is wrong has been said.
            let _ = tokio::task::spawn_blocking(move || this.look(SystemTime::now()).is_ok()).await;
        }
    }

    /// The connection of a client, once it is encrypted; none if it does not come to that in time.
    pub(crate) async fn accept(
        &self,
        mut stream: TcpStream,
        client: SocketAddr,
        within: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let server = self.state().loaded.server.clone();
        let accepting = async {
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
                // Whoever mistook the address is told, and not left with a broken connection.
                stream.write_all(plain().as_bytes()).await?;
                stream.shutdown().await?;
                return Ok(None);
            }
            TlsAcceptor::from(server).accept(stream).await.map(Some)
        };
        match tokio::time::timeout(within, accepting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%client, %error, "a client's handshake failed");
                None
            }
            Err(_) => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to who does not encrypt.
fn plain() -> String {
    let problem = serde_json::json!({
        "type": "urn:waybook:problem:malformed",
        "title": "The request cannot be read",
        "status": 400,
        "detail": "this control API takes only encrypted connections: use https:// in its address",
    });
    let problem = problem.to_string();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    )
}

fn digests(config: &TlsConfig) -> [blake3::Hash; 2] {
    let of = |path: &PathBuf| blake3::hash(&std::fs::read(path).unwrap_or_default());
    [of(&config.certificate), of(&config.key)]
}

fn load(config: &TlsConfig, now: SystemTime) -> Result<Loaded, FileError> {
    let path = &config.certificate;
    let fail = |what: String| FileError::new(path, what);
    let wrong = |path: &Path, what: &str, error: &dyn std::fmt::Display| {
        FileError::new(path, format!("must hold {what} in PEM: {error}"))
    };
    let text = std::fs::read(path).map_err(|error| FileError::new(path, error))?;
    let chain = CertificateDer::pem_slice_iter(&text);
    let chain = chain
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(path, "the certificate of the control API", &error))?;
    let first = chain.first();
    let first = first.ok_or_else(|| fail("holds no certificate in PEM".to_owned()))?;
    let (_, leaf) = X509Certificate::from_der(first)
        .map_err(|error| fail(format!("the certificate does not parse: {error}")))?;
    let until = leaf.validity().not_after;
    let told = format!("{}, until {until}", leaf.raw_serial_as_string());
    if u64::try_from(until.timestamp()).unwrap_or(0) < seconds(now) {
        return Err(fail(format!(
            "was valid until {until}; have a new one issued"
        )));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| wrong(&config.key, "its private key", &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            let key = config.key.display();
            fail(format!("does not go with the key in {key}: {error}"))
        })?;
    // The key might be in the same file, which is nobody's business but the owner's.
    if let Some(folder) = config.shown.parent() {
        files::private_folder(folder)?;
    }
    files::write_file(&config.shown, &text, 0o600, Existing::Replace)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Loaded {
        server: Arc::new(server),
        told,
    })
}

/// Whether there is a certificate for these names that still holds.
fn is_own(path: &Path, names: &[String], now: SystemTime) -> bool {
    let Ok(first) = CertificateDer::from_pem_file(path) else {
        return false;
    };
    let Ok((_, leaf)) = X509Certificate::from_der(&first) else {
        return false;
    };
    let until = u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or(0);
    let has = leaf.subject_alternative_name().ok().flatten();
    let has = has.map(|has| has.value.general_names.iter().map(text).collect::<Vec<_>>());
    until > seconds(now) && has.is_some_and(|has| has == names)
}

fn text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(bytes), _) => std::net::IpAddr::from(bytes).to_string(),
                (_, Ok(bytes)) => std::net::IpAddr::from(bytes).to_string(),
                _ => String::new(),
            }
        }
        _ => String::new(),
    }
}

/// Makes a certificate that vouches for itself.
fn make(
    config: &TlsConfig,
    names: &[String],
    place: &PlaceName,
    now: SystemTime,
) -> Result<(), FileError> {
    let path = &config.certificate;
    let fail = |error: rcgen::Error| FileError::new(path, error);
    if let Some(folder) = path.parent() {
        files::private_folder(folder)?;
    }
    let mut params = CertificateParams::new(names).map_err(fail)?;
    let mut distinguished = DistinguishedName::new();
    distinguished.push(
        DnType::CommonName,
        format!("Waybook control API of {place}"),
    );
    params.distinguished_name = distinguished;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let since = Duration::from_secs(seconds(now));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // Clocks differ.
    params.not_before = epoch + since.saturating_sub(Duration::from_secs(3600));
    params.not_after = epoch + since + HOLDS;
    let key = KeyPair::generate().map_err(fail)?;
    let certificate = params.self_signed(&key).map_err(fail)?;
    let pem = key.serialize_pem();
    files::write_file(&config.key, pem.as_bytes(), 0o600, Existing::Replace)?;
    let pem = certificate.pem();
    files::write_file(path, pem.as_bytes(), 0o644, Existing::Replace)?;
    tracing::info!(path = %path.display(), ?names, "the place has made a certificate for its control API");
    Ok(())
}
