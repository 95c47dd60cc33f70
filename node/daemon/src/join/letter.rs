//! What a newcomer asks its future parent, and what it is answered: one JSON object each.

use data_encoding::HEXLOWER;
use rcgen::CertificateSigningRequestParams;
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use super::Token;

/// The longest request, in bytes.
pub(super) const MOST_REQUEST: usize = 16 << 10;
/// The longest answer, in bytes: several authorities may be in it.
pub(super) const MOST_ANSWER: usize = 256 << 10;

/// What a newcomer asks, read and checked as far as it can be by itself.
pub struct Request {
    /// What the token's secret was made into before it was kept.
    pub(super) hash: [u8; 32],
    /// The place that it wants to be.
    pub name: PlaceName,
    /// Whose key is to be certified; whoever asks has the private half of it.
    pub(super) asked: CertificateSigningRequestParams,
}

#[derive(Serialize, Deserialize)]
struct Written {
    secret: String,
    name: String,
    /// A request for a certificate (PKCS#10), in PEM.
    request: String,
}

impl Request {
    /// What is sent for a token, with a request for a certificate in PEM.
    pub(super) fn write(token: &Token, request: String) -> Vec<u8> {
        let written = Written {
            secret: HEXLOWER.encode(&token.secret),
            name: token.name.to_string(),
            request,
        };
        // Texts alone cannot fail.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads what has arrived, and checks that who asks has the key.
    ///
    /// # Errors
    /// A sentence, for whoever sent it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| format!("the request cannot be read: {error}"))?;
        let secret = HEXLOWER.decode(written.secret.as_bytes());
        let secret = secret.map_err(|_| "the secret must be hexadecimal".to_owned())?;
        let name = PlaceName::new(&written.name).map_err(|error| error.to_string())?;
        let request = CertificateSigningRequestDer::from_pem_slice(written.request.as_bytes());
        let request = request
            .map_err(|error| format!("there is no request for a certificate in PEM: {error}"))?;
        let asked = CertificateSigningRequestParams::from_der(&request)
            .map_err(|error| format!("the request for a certificate is not right: {error}"))?;
        Ok(Self {
            hash: super::token::hash(&secret),
            name,
            asked,
        })
    }
}

/// What a newcomer is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is the place.
    Joined {
        /// Its certificate, and those of authorities between it and the root, in PEM.
        certificate: String,
        /// The authorities that it is to trust, in PEM.
        authority: String,
        /// The time at the parent, in seconds since 1970.
        clock: u64,
    },
    /// It is not.
    Refused {
        /// Why, and what would help.
        why: String,
    },
}

impl Answer {
    pub(super) fn write(&self) -> Vec<u8> {
        // Texts and a number cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let answer = serde_json::from_slice(bytes);
        let answer = answer.map_err(|error| format!("the answer cannot be read: {error}"))?;
        Ok(match answer {
            // It will be shown at a terminal.
            Self::Refused { why } => Self::Refused {
                why: why.chars().filter(|c| !c.is_control()).collect(),
            },
            joined @ Self::Joined { .. } => joined,
        })
    }
}
