//! Loads a place's identity, with errors that say what is wrong with which file.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use waybook_location_tree::PlaceName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{ALPN, Identity, authority, name_in, provider};
use crate::config::IdentityPaths;
use crate::files::FileError;

impl Identity {
    /// Loads and checks an identity for the place of that name, as of `now`.
    ///
    /// # Errors
    /// [`FileError`] names the file, and says what is wrong: missing, unreadable, the
    /// key does not belong to the certificate, another place's name, not yet or no
    /// longer valid, or issued by another authority.
    pub fn load(
        paths: &IdentityPaths,
        name: &PlaceName,
        now: SystemTime,
    ) -> Result<Self, FileError> {
        let chain = certificates(&paths.certificate)?;
        let fail = |what: String| FileError::new(&paths.certificate, what);
        let (_, leaf) = X509Certificate::from_der(&chain[0])
            .map_err(|error| fail(format!("the certificate does not parse: {error}")))?;
        let certified = name_in(&chain[0]).map_err(fail)?;
        if certified != *name {
            return Err(fail(format!(
                "is the certificate of `{certified}`, but this place is `{name}`"
            )));
        }
        let not_before = authority::load_time(leaf.validity().not_before.timestamp());
        let not_after = authority::load_time(leaf.validity().not_after.timestamp());
        if now < not_before {
            let from = leaf.validity().not_before;
            return Err(fail(format!(
                "is valid only from {from}; is the clock of this machine right?"
            )));
        }
        if now > not_after {
            let until = leaf.validity().not_after;
            return Err(fail(format!(
                "was valid until {until}; have a new one issued"
            )));
        }
        let roots = roots(&paths.authority)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .build()
            .map_err(|error| FileError::new(&paths.authority, error))?;
        check_chain(&chain, &*verifier, now, paths)?;
        let key = PrivateKeyDer::from_pem_file(&paths.key)
            .map_err(|error| pem_error(&paths.key, "a private key", error))?;
        let reset_key = blake3::derive_key("waybook 1 stateless reset", key.secret_der());
        let tls = |error: rustls::Error| FileError::new(&paths.key, error);
        let signer = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(tls)?;
        CertifiedKey::new(chain.clone(), signer)
            .keys_match()
            .map_err(|_| {
                let certificate = paths.certificate.display();
                FileError::new(&paths.key, format!("does not belong to {certificate}"))
            })?;
        let mut server = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(tls)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Every connection is authenticated anew, so a certificate that has ended ends
        // with the connection, and nothing is ever taken from 0-RTT data.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        let mut client = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(tls)?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_early_data = false;
        Ok(Self {
            name: certified,
            not_after,
            server: Arc::new(server),
            client: Arc::new(client),
            reset_key,
        })
    }
}

/// Checks one's own chain as neighbours will.
fn check_chain(
    chain: &[CertificateDer<'static>],
    verifier: &dyn rustls::server::danger::ClientCertVerifier,
    now: SystemTime,
    paths: &IdentityPaths,
) -> Result<(), FileError> {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = UnixTime::since_unix_epoch(since);
    let checked = verifier.verify_client_cert(&chain[0], &chain[1..], now);
    let Err(error) = checked else {
        return Ok(());
    };
    let authority = paths.authority.display();
    let what = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            format!("was not issued by the authority in {authority}")
        }
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => {
            format!("was not signed by the authority in {authority}")
        }
        error => format!("is not acceptable to neighbours: {error}"),
    };
    Err(FileError::new(&paths.certificate, what))
}

fn roots(path: &Path) -> Result<Arc<RootCertStore>, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| FileError::new(path, error))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem_error(path, "certificates", error))?;
    match all.is_empty() {
        true => Err(FileError::new(path, "holds no certificate in PEM")),
        false => Ok(all),
    }
}

fn pem_error(path: &Path, wanted: &str, error: rustls::pki_types::pem::Error) -> FileError {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => FileError::new(
            path,
            "is missing; have an identity issued for this place, or set `[identity]`",
        ),
        Error::Io(error) => FileError::new(path, error),
        error => FileError::new(path, format!("must hold {wanted} in PEM: {error}")),
    }
}
