//! Who vouches for a release: statements, and their signatures by publishers.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use ring::rand::SecureRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::text::{hex, quote, unhex};
use crate::{Release, ReleaseError};

/// An Ed25519 signature (RFC 8032) of a release by its publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The publisher's public key, by which operators know whom they trust.
    pub key: [u8; 32],
    /// The 64 bytes of the signature.
    pub bytes: Vec<u8>,
}

/// The public key of a publisher, an Ed25519 key of RFC 8032. Written `ed25519:` and 64
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublisherKey(pub [u8; 32]);

/// The private key of a publisher.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Display for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex(&self.0))
    }
}

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublisherKey {
    type Err = ReleaseError;

    /// Reads `ed25519:` and 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let digits = text.strip_prefix("ed25519:").and_then(unhex);
        digits.map(Self).ok_or_else(|| {
            ReleaseError(format!(
                "{} is not a publisher's key: write ed25519: and 64 hexadecimal digits",
                quote(text)
            ))
        })
    }
}

impl SigningKey {
    /// Reads a private key from a PKCS #8 document in DER (RFC 5958, RFC 8410), with or
    /// without the public key in it: one that [`generate`](Self::generate) made, or
    /// `openssl genpkey -algorithm ed25519 -outform DER`.
    ///
    /// # Errors
    /// [`ReleaseError`] if it is none.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, ReleaseError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
            .map(Self)
            .map_err(|error| {
                let what = "this is not an Ed25519 key as a PKCS #8 document";
                ReleaseError(format!("{what}: {error}"))
            })
    }

    /// Makes a new key from the caller's source of randomness, as a PKCS #8 document for
    /// [`from_pkcs8`](Self::from_pkcs8) to read. It is not encrypted: whoever can read
    /// it can sign.
    ///
    /// # Errors
    /// [`ReleaseError`] if the source gives no randomness.
    pub fn generate(random: &dyn SecureRandom) -> Result<Vec<u8>, ReleaseError> {
        let document = Ed25519KeyPair::generate_pkcs8(random)
            .map_err(|_| ReleaseError("there is no randomness for a key".to_owned()))?;
        Ok(document.as_ref().to_vec())
    }

    /// The public key that goes with it.
    #[must_use]
    pub fn publisher(&self) -> PublisherKey {
        let mut key = [0; 32];
        // Both have 32 bytes: those of a point of the curve.
        key.copy_from_slice(self.0.public_key().as_ref());
        PublisherKey(key)
    }
}

impl fmt::Debug for SigningKey {
    /// Only the public key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.publisher())
            .finish()
    }
}

impl Release {
    /// What is signed: everything but the home, which a copy may change, and the
    /// signature itself. Two releases that differ in anything else have different
    /// statements.
    ///
    /// The first line says what this is, so that no other signature of the same key can
    /// pass for one of a release. Each further line is a field, or an entry of a list
    /// after its count. A text comes after its length in bytes, so that one with lines in
    /// it cannot pass for a field:
    ///
    /// ```text
    /// waybook release 1
    /// name 11 cap-quality
    /// version 5 1.2.0
    /// description 22 Holds the quality
    /// down
    /// runtime 26 wasi:http/middleware@0.3.0
    /// requires 1
    /// 3 gpu
    /// dependencies 1
    /// 7 cap-log 2 ^1
    /// digest sha256:…
    /// length 60123
    /// root …
    /// ```
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let mut text = String::from("waybook release 1\n");
        let counted = |value: &str| format!("{} {value}", value.len());
        for (field, value) in [
            ("name", counted(&self.name)),
            ("version", counted(&self.version.to_string())),
            ("description", counted(&self.description)),
            ("runtime", counted(&self.runtime)),
            ("requires", self.requires.len().to_string()),
        ] {
            let _ = writeln!(text, "{field} {value}");
        }
        for capability in &self.requires {
            let _ = writeln!(text, "{}", counted(capability));
        }
        let _ = writeln!(text, "dependencies {}", self.dependencies.len());
        for (name, range) in &self.dependencies {
            let range = counted(&range.to_string());
            let _ = writeln!(text, "{} {range}", counted(name));
        }
        let _ = writeln!(text, "digest {}", self.digest);
        let _ = writeln!(text, "length {}", self.length);
        let _ = writeln!(text, "root {}", hex(&self.root));
        text.into_bytes()
    }

    /// Signs the release, in place of any signature that it has. A change to it
    /// afterwards, other than of its home, makes the signature wrong.
    pub fn sign(&mut self, key: &SigningKey) {
        let signature = key.0.sign(&self.statement());
        self.signature = Some(Signature {
            key: key.publisher().0,
            bytes: signature.as_ref().to_vec(),
        });
    }

    /// Checks the signature: that the [publisher](Self::publisher) did sign this very
    /// release. Whether that publisher is trusted is for the place to say.
    ///
    /// # Errors
    /// [`ReleaseError`] if there is no signature, or it is not right.
    pub fn verify_signature(&self) -> Result<(), ReleaseError> {
        let Some(signature) = &self.signature else {
            return Err(ReleaseError(format!(
                "{} is not signed",
                quote(&self.reference())
            )));
        };
        UnparsedPublicKey::new(&ED25519, &signature.key)
            .verify(&self.statement(), &signature.bytes)
            .map_err(|_| {
                ReleaseError(format!(
                    "{} is not what {} signed, or the signature is forged",
                    quote(&self.reference()),
                    PublisherKey(signature.key)
                ))
            })
    }

    /// The public key of who is said to have signed the release, which is worth nothing
    /// before the signature was [verified](Self::verify_signature); `None` if nobody did.
    #[must_use]
    pub fn publisher(&self) -> Option<&[u8; 32]> {
        self.signature.as_ref().map(|signature| &signature.key)
    }
}
