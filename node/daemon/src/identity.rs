//! Who a place is: its certificate, and the authority that vouches for its name.
//!
//! A place's certificate carries its name as the one DNS name, labels reversed. Both
//! ends of a connection show theirs; the name that counts is the one in the certificate
//! that the finished handshake has verified.

mod accept;
mod authority;
mod issued;
mod load;
mod newcomer;
mod revoked;

use std::any::Any;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use waybook_location_tree::PlaceName;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use authority::{Authority, DEFAULT_VALIDITY};
pub use issued::{Revocation, Which};
pub(crate) use load::{Digests, digests};
pub(crate) use newcomer::{Pinned, key_hash, request};

/// The protocol's name in the handshake.
pub const ALPN: &[u8] = b"waybook/1";

/// That of a connection for data.
pub(crate) const DATA_ALPN: &[u8] = b"waybook-data/1";

/// A place's identity, checked and ready for connections.
#[derive(Debug, Clone)]
pub struct Identity {
    name: PlaceName,
    not_before: SystemTime,
    not_after: SystemTime,
    /// What the certificate, the authorities and the revocations are, for people.
    told: Told,
    /// Says which certificates of neighbours are acceptable, those revoked left out.
    verifier: Arc<dyn ClientCertVerifier>,
    pub(crate) server: Arc<rustls::ServerConfig>,
    pub(crate) client: Arc<rustls::ClientConfig>,
    /// How newcomers, who have no certificate, are let in.
    pub(crate) newcomers: Arc<rustls::ServerConfig>,
    /// What newcomers know this place by.
    pub(crate) key_hash: [u8; 32],
    /// Derived from the private key; lets a restarted place tell its neighbours at once
    /// that their connections are gone.
    pub(crate) reset_key: [u8; 32],
}

/// What an identity was made of, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) certificate: String,
    pub(crate) authority: String,
    pub(crate) revoked: String,
}

impl Identity {
    /// The name that the certificate carries.
    #[must_use]
    pub fn name(&self) -> &PlaceName {
        &self.name
    }

    /// When the certificate begins to hold.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// When the certificate ends.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The place's name in a certificate: its only alternative name.
fn name_in(certificate: &CertificateDer<'_>) -> Result<PlaceName, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("the certificate does not parse: {error}"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| format!("the certificate's names do not parse: {error}"))?;
    match names.map(|n| n.value.general_names.as_slice()) {
        Some([GeneralName::DNSName(dns)]) => PlaceName::from_dns_name(dns)
            .map_err(|error| format!("the certificate does not name a place: {error}")),
        _ => Err("the certificate must carry one name, that of a place".to_owned()),
    }
}

/// What the other end of a connection has shown, from what the connection says of it.
///
/// # Errors
/// A sentence, if that is nothing.
pub(crate) fn shown(
    identity: Option<Box<dyn Any>>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = identity.and_then(|i| i.downcast::<Vec<CertificateDer<'static>>>().ok());
    let chain = chain.filter(|chain| !chain.is_empty());
    let chain = chain.ok_or("the other end has shown no certificate")?;
    Ok(*chain)
}

/// The name of the place at the other end, from what a connection says of its verified
/// certificate.
///
/// # Errors
/// A sentence, if there is no certificate or it does not name a place.
pub(crate) fn peer_name(identity: Option<Box<dyn Any>>) -> Result<PlaceName, String> {
    name_in(&shown(identity)?[0])
}
