//! Certifying keys that places make themselves, and knowing a place by its key alone.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use waybook_location_tree::PlaceName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::{Authority, write};
use super::provider;
use crate::files::{self, Existing, FileError};

/// The name of a public key: the SHA-256 of its `SubjectPublicKeyInfo`, in DER.
pub(crate) fn key_hash(public_key: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, public_key);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

impl Authority {
    /// Certifies a key that a place has made. Gives the certificate with those of authorities
    /// between it and the root, in PEM.
    ///
    /// # Errors
    /// [`FileError`] if the name is not this authority's to give, or it cannot be noted.
    pub(crate) fn admit(
        &self,
        place: &PlaceName,
        key: &impl PublicKeyData,
        validity: Duration,
    ) -> Result<String, FileError> {
        self.check_name(place, &self.folder)?;
        let certificate = self.certify(place, key, validity);
        let certificate = certificate.map_err(|error| FileError::new(&self.folder, error))?;
        self.note(place, &certificate)?;
        Ok(certificate.pem() + &self.chain)
    }

    /// What it would certify that place with, for a key that nobody has.
    ///
    /// # Errors
    /// As [`Authority::admit`].
    pub(crate) fn sample(
        &self,
        place: &PlaceName,
        validity: Duration,
    ) -> Result<Vec<CertificateDer<'static>>, FileError> {
        self.check_name(place, &self.folder)?;
        let fail = |error: rcgen::Error| FileError::new(&self.folder, error);
        let key = KeyPair::generate().map_err(fail)?;
        let certificate = self.certify(place, &key, validity).map_err(fail)?;
        let above = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let mut chain = vec![certificate.der().clone()];
        for one in above {
            chain.push(one.map_err(|error| FileError::new(&self.folder, error))?);
        }
        Ok(chain)
    }
}

/// The key in a folder, made when it is first asked for, and a request to certify it for a place,
/// in PEM.
///
/// # Errors
/// [`FileError`] if the folder is open to others, or the key cannot be read or written.
pub(crate) fn request(folder: &Path, place: &PlaceName) -> Result<String, FileError> {
    let path = folder.join("place.key");
    let fail = |error: rcgen::Error| FileError::new(&path, error);
    // The data folder, which the place wants private as well.
    for folder in folder.parent().into_iter().chain([folder]) {
        files::private_folder(folder)?;
    }
    let key = if path.exists() {
        let text = files::read_text(&path)?;
        KeyPair::from_pem(&text)
            .map_err(|error| FileError::new(&path, format!("is not a private key: {error}")))?
    } else {
        let key = KeyPair::generate().map_err(fail)?;
        let pem = key.serialize_pem();
        write(folder, "place.key", &pem, 0o600, Existing::Keep)?;
        key
    };
    let mut params = CertificateParams::new(vec![place.dns_name()]).map_err(fail)?;
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, place.as_str());
    params.distinguished_name = distinguished;
    let request = params.serialize_request(&key).map_err(fail)?;
    request.pem().map_err(fail)
}

/// Believes a server that has one certain key, whoever has certified it, and no other.
#[derive(Debug)]
pub(crate) struct Pinned {
    key: [u8; 32],
    provider: Arc<CryptoProvider>,
    /// Whether one with another key has answered.
    other: AtomicBool,
}

impl Pinned {
    /// Only the key with that hash will do.
    pub(crate) fn new(key: [u8; 32]) -> Arc<Self> {
        Arc::new(Self {
            key,
            provider: provider(),
            other: AtomicBool::new(false),
        })
    }

    /// Whether one with another key has answered.
    pub(crate) fn met_another(&self) -> bool {
        self.other.load(Ordering::Relaxed)
    }

    /// How to dial with that protocol and without a certificate.
    pub(crate) fn client(self: &Arc<Self>, alpn: &[u8]) -> Result<rustls::ClientConfig, String> {
        let mut client = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        client.alpn_protocols = vec![alpn.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        Ok(client)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (_, parsed) = X509Certificate::from_der(leaf)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if key_hash(parsed.public_key().raw) == self.key {
            return Ok(ServerCertVerified::assertion());
        }
        self.other.store(true, Ordering::Relaxed);
        Err(rustls::Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure,
        ))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(
            rustls::PeerIncompatible::Tls12NotOffered,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
