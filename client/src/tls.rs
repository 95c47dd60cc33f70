//! Encrypted connections to a control API.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{FixedServerNameResolver, HttpsConnector};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore,
    SignatureScheme,
};

use crate::Error;

/// Whom to take for the place.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn file(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::File {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file(path, &format!("must hold certificates in PEM: {error}")))?;
    match all.is_empty() {
        true => Err(file(path, &"holds no certificate in PEM")),
        false => Ok(all),
    }
}

impl Tls {
    /// Who has a certificate for that host, by an authority of that file, or by one that this machine
    /// trusts.
    pub(crate) fn trusting(host: &str, ca: Option<&Path>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| file(path, &error))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        let wrong = |why: String| Error::Url {
            url: format!("https://{host}"),
            why,
        };
        let verifier: Arc<dyn ServerCertVerifier> = match roots.is_empty() {
            true => Arc::new(Only(Vec::new())),
            false => WebPkiServerVerifier::builder_with_provider(roots.into(), provider())
                .build()
                .map_err(|error| wrong(error.to_string()))?,
        };
        let bare = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let host = ServerName::try_from(bare).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            config: config(verifier)?,
            host,
        })
    }

    /// Who has just the certificate of that file, whatever it is for: the place whose folder says
    /// so.
    pub(crate) fn only(path: &Path) -> Result<Self, Error> {
        let localhost = ServerName::try_from("localhost");
        Ok(Self {
            config: config(Arc::new(Only(certificates(path)?)))?,
            host: localhost.map_err(|error| file(path, &error))?,
        })
    }

    /// Encrypted connections over such ones.
    pub(crate) fn over<C>(&self, connector: C) -> HttpsConnector<C> {
        let name = FixedServerNameResolver::new(self.host.clone());
        HttpsConnector::new(connector, self.config.clone(), true, Arc::new(name))
    }

    /// What is wrong, and what to do.
    pub(crate) fn explain(&self, address: &str, error: &(dyn StdError + 'static)) -> Error {
        let inner = error.downcast_ref::<rustls::Error>();
        let why = match inner {
            Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
                // An authority of that name with another key is somebody else, too.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "nobody vouches for it who is trusted here: name the authority that issued it, \
                     or the certificate that the place made for itself (`api-tls/api.crt` in its \
                     data folder), with `--ca FILE`"
                        .to_owned()
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => format!(
                    "it is not for `{}`: ask at an address that it names, or have one issued that \
                     names this one too (`[api.tls] names` where the place makes its own)",
                    self.host.to_str()
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it is over: have a new one issued; the place takes it up while it runs"
                        .to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet: is the clock of this machine right?".to_owned()
                }
                wrong => wrong.to_string(),
            },
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                return crate::client::unreachable(
                    address,
                    &"what answers there does not encrypt: use http:// in its address",
                );
            }
            _ => return crate::client::unreachable(address, error),
        };
        Error::Certificate {
            address: address.to_owned(),
            why,
        }
    }
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Answer(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes one certificate and no other: the first of these.
#[derive(Debug)]
struct Only(Vec<CertificateDer<'static>>);

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.first() == Some(shown) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let by = provider().signature_verification_algorithms;
        verify_tls12_signature(message, shown, signed, &by)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let by = provider().signature_verification_algorithms;
        verify_tls13_signature(message, shown, signed, &by)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
