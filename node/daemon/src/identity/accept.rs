//! Whether a neighbour's certificate still counts.
//!
//! A handshake looks at the chain and the times, once. Whether a certificate is revoked is
//! asked when a neighbour greets, so that it hears why it is refused; and all of it again for
//! connections that stand, whenever this place's files have changed and now and then besides.

use std::time::SystemTime;

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

use super::{Identity, name_in};

impl Identity {
    /// Whether a neighbour with that chain may be connected at that time.
    ///
    /// # Errors
    /// A sentence for both ends, if it is revoked, over, or of an authority that is trusted no
    /// more.
    pub(crate) fn accepts(
        &self,
        chain: &[CertificateDer<'static>],
        now: SystemTime,
    ) -> Result<(), String> {
        let Some((leaf, above)) = chain.split_first() else {
            return Err("the other end has shown no certificate".to_owned());
        };
        let Err(error) = verify(&*self.verifier, leaf, above, now) else {
            return Ok(());
        };
        let own = &self.name;
        let whose = match name_in(leaf) {
            Ok(name) => format!("the certificate of `{name}`"),
            Err(_) => "the certificate".to_owned(),
        };
        Err(match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::Revoked => {
                    format!("{whose} has been revoked, as `{own}` was told")
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    format!("{whose} is over, or one above it; have a new one issued")
                }
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    format!("{whose} is of an authority that `{own}` does not trust")
                }
                error => format!("{whose} is not acceptable to `{own}`: {error}"),
            },
            error => format!("{whose} is not acceptable to `{own}`: {error}"),
        })
    }
}

/// Verifies a chain as of that time.
pub(super) fn verify(
    verifier: &dyn ClientCertVerifier,
    leaf: &CertificateDer<'_>,
    above: &[CertificateDer<'_>],
    now: SystemTime,
) -> Result<(), rustls::Error> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since.unwrap_or_default());
    verifier.verify_client_cert(leaf, above, now).map(drop)
}
