//! Loads a place's identity, with errors that say what is wrong with which file.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use waybook_location_tree::PlaceName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::accept::verify;
use super::revoked::Revoked;
use super::{ALPN, Identity, Told, authority, key_hash, name_in, provider};
use crate::config::IdentityPaths;
use crate::files::FileError;
use crate::join;

impl Identity {
    /// Loads and checks an identity for the place of that name, as of `now`.
    ///
    /// # Errors
    /// [`FileError`] names the file, and says what is wrong: missing, unreadable, the
    /// key does not belong to the certificate, another place's name, not yet or no
    /// longer valid, revoked, not for both ends of a connection, or issued by another
    /// authority.
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
        let untrusted = |error| FileError::new(&paths.authority, error);
        let admitting = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .build()
            .map_err(untrusted)?;
        let revoked = Revoked::load(paths)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .with_crls(revoked.lists.iter().cloned())
            // Of an authority without a list nothing is revoked.
            .allow_unknown_revocation_status()
            .build()
            .map_err(|error| FileError::new(&paths.revoked().0, error))?;
        check_chain(&chain, &*verifier, now, paths)?;
        check_as_parent(&chain, roots.clone(), &certified, now, paths)?;
        let told = Told {
            certificate: format!(
                "{}, until {}",
                leaf.tbs_certificate.raw_serial_as_string(),
                leaf.validity().not_after
            ),
            authority: format!("{} trusted", roots.len()),
            revoked: format!("{} revoked", revoked.certificates),
        };
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
            .with_client_cert_verifier(admitting)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(tls)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Every connection is authenticated anew, so a certificate that has ended ends
        // with the connection, and nothing is ever taken from 0-RTT data.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        let mut newcomers = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(tls)?;
        newcomers.alpn_protocols = vec![join::ALPN.to_vec()];
        newcomers.session_storage = Arc::new(NoServerSessionStorage {});
        newcomers.send_tls13_tickets = 0;
        let key_hash = key_hash(leaf.public_key().raw);
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
            not_before,
            not_after,
            told,
            verifier,
            server: Arc::new(server),
            client: Arc::new(client),
            newcomers: Arc::new(newcomers),
            key_hash,
            reset_key,
        })
    }
}

/// Checks one's own chain as neighbours will.
fn check_chain(
    chain: &[CertificateDer<'static>],
    verifier: &dyn ClientCertVerifier,
    now: SystemTime,
    paths: &IdentityPaths,
) -> Result<(), FileError> {
    let checked = verify(verifier, &chain[0], &chain[1..], now);
    checked.map_err(|error| unacceptable(error, paths))
}

/// Checks one's own chain as children will, which ask for another purpose and for the name.
fn check_as_parent(
    chain: &[CertificateDer<'static>],
    roots: Arc<RootCertStore>,
    name: &PlaceName,
    now: SystemTime,
    paths: &IdentityPaths,
) -> Result<(), FileError> {
    let fail = |what: String| FileError::new(&paths.certificate, what);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| FileError::new(&paths.authority, error))?;
    let dns = name.dns_name();
    let server = ServerName::try_from(dns.as_str())
        .map_err(|_| fail(format!("`{dns}` is no name that children could ask for")))?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since.unwrap_or_default());
    let checked = verifier.verify_server_cert(&chain[0], &chain[1..], &server, &[], now);
    checked
        .map(drop)
        .map_err(|error| unacceptable(error, paths))
}

/// What is wrong with one's own chain, and what to do.
fn unacceptable(error: rustls::Error, paths: &IdentityPaths) -> FileError {
    let authority = paths.authority.display();
    let what = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => format!(
                "was not issued by the authority in {authority}; an authority between the two \
                 belongs behind the certificate, in the same file"
            ),
            CertificateError::BadSignature => {
                format!("was not signed by the authority in {authority}")
            }
            CertificateError::Revoked => format!(
                "has been revoked, says {}; have a new one issued",
                paths.revoked().0.display()
            ),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "must be for both ends of a connection: have it issued with the extended key \
                 usages serverAuth and clientAuth"
                    .to_owned()
            }
            error => format!("is not acceptable to neighbours: {error}"),
        },
        error => format!("is not acceptable to neighbours: {error}"),
    };
    FileError::new(&paths.certificate, what)
}

/// What is in an identity's files: one hash for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) certificate: [u8; 32],
    pub(crate) key: [u8; 32],
    pub(crate) authority: [u8; 32],
    pub(crate) revoked: [u8; 32],
}

/// Reads what is in the files. One that cannot be read counts as empty.
pub(crate) fn digests(paths: &IdentityPaths) -> Digests {
    let of = |path: &Path| *blake3::hash(&std::fs::read(path).unwrap_or_default()).as_bytes();
    Digests {
        certificate: of(&paths.certificate),
        key: of(&paths.key),
        authority: of(&paths.authority),
        revoked: of(&paths.revoked().0),
    }
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

pub(super) fn pem_error(
    path: &Path,
    wanted: &str,
    error: rustls::pki_types::pem::Error,
) -> FileError {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => FileError::new(
            path,
            "is missing; `waybook ca issue PLACE --ca AUTHORITY --out FOLDER` makes what belongs into that \
             folder, and `[identity]` says where else it is",
        ),
        Error::Io(error) => FileError::new(path, error),
        error => FileError::new(path, format!("must hold {wanted} in PEM: {error}")),
    }
}
