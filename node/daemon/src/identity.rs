//! Who a place is: its certificate, and the authority that vouches for its name.
//!
//! A place's certificate carries its name as the one DNS name, labels reversed. Both
//! ends of a connection show theirs; the name that counts is the one in the certificate
//! that the finished handshake has verified.

mod authority;
mod load;

use std::any::Any;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use waybook_location_tree::PlaceName;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use authority::{Authority, DEFAULT_VALIDITY};

/// The protocol's name in the handshake.
pub const ALPN: &[u8] = b"waybook/1";

/// A place's identity, checked and ready for connections.
#[derive(Debug, Clone)]
pub struct Identity {
    name: PlaceName,
    not_after: SystemTime,
    pub(crate) server: Arc<rustls::ServerConfig>,
    pub(crate) client: Arc<rustls::ClientConfig>,
    /// Derived from the private key; lets a restarted place tell its neighbours at once
    /// that their connections are gone.
    pub(crate) reset_key: [u8; 32],
}

impl Identity {
    /// The name that the certificate carries.
    #[must_use]
    pub fn name(&self) -> &PlaceName {
        &self.name
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

/// The name of the place at the other end, from what a connection says of its verified
/// certificate.
///
/// # Errors
/// A sentence, if there is no certificate or it does not name a place.
pub(crate) fn peer_name(identity: Option<Box<dyn Any>>) -> Result<PlaceName, String> {
    let chain = identity.and_then(|i| i.downcast::<Vec<CertificateDer<'static>>>().ok());
    match chain.as_deref().and_then(|chain| chain.first()) {
        Some(certificate) => name_in(certificate),
        None => Err("the other end has shown no certificate".to_owned()),
    }
}
