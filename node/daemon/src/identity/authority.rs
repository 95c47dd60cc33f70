//! The authority that certifies the names of a tree, or of one locality.
//!
//! Its folder holds `authority.key` (secret), `authority.crt` (whom places trust) and,
//! for an authority of a locality, `chain.crt` (its own certificate and those above it,
//! below the root), which every certificate that it issues carries along. `issued/` has what was
//! issued, and `revoked.crl` what of it was revoked.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use waybook_location_tree::PlaceName;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::files::{self, Existing, FileError};

/// How long certificates hold unless asked otherwise: a year.
pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// A certificate holds from a little before it is made: clocks differ.
const BACKDATE: Duration = Duration::from_secs(3600);

/// Certifies the names of places.
pub struct Authority {
    pub(super) folder: PathBuf,
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// What places trust, in PEM.
    root: String,
    /// This authority's own certificate and those above it, in PEM; empty for a root.
    pub(super) chain: String,
    /// The locality that it is limited to; none for a root.
    subtree: Option<PlaceName>,
    /// When its own certificate ends; nothing that it issues holds longer.
    pub(super) not_after: SystemTime,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Authority");
        shown
            .field("subtree", &self.subtree)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority in a folder. `name` is for people.
    ///
    /// # Errors
    /// [`FileError`] if the folder is open to others, holds an authority already and
    /// `existing` keeps it, or cannot be written.
    pub fn create(
        folder: &Path,
        name: &str,
        validity: Duration,
        existing: Existing,
    ) -> Result<Self, FileError> {
        let fail = |error: rcgen::Error| FileError::new(folder, error);
        let key = KeyPair::generate().map_err(fail)?;
        let (params, not_after) = authority_params(name, validity, None);
        let certificate = params.self_signed(&key).map_err(fail)?;
        let authority = Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
            root: certificate.pem(),
            chain: String::new(),
            subtree: None,
            not_after,
        };
        authority.save(folder, existing)?;
        Ok(authority)
    }

    /// Opens an authority's folder.
    ///
    /// # Errors
    /// [`FileError`] names the file that is missing or wrong.
    pub fn load(folder: &Path) -> Result<Self, FileError> {
        let key_path = folder.join("authority.key");
        let root_path = folder.join("authority.crt");
        let chain_path = folder.join("chain.crt");
        let key = KeyPair::from_pem(&files::read_text(&key_path)?)
            .map_err(|error| FileError::new(&key_path, format!("is not a private key: {error}")))?;
        let root = files::read_text(&root_path)?;
        let (chain, own_path) = match chain_path.exists() {
            true => (files::read_text(&chain_path)?, &chain_path),
            false => (String::new(), &root_path),
        };
        let own = if chain.is_empty() { &root } else { &chain };
        let fail = |what: String| FileError::new(own_path, what);
        let certificate = CertificateDer::from_pem_slice(own.as_bytes())
            .map_err(|error| fail(format!("is not a certificate: {error}")))?;
        let (_, parsed) = X509Certificate::from_der(&certificate)
            .map_err(|error| fail(format!("is not a certificate: {error}")))?;
        if !parsed.is_ca() {
            return Err(fail(
                "is a place's certificate, not an authority's".to_owned(),
            ));
        }
        if parsed.public_key().subject_public_key.data != key.public_key_raw() {
            return Err(fail(format!("does not belong to {}", key_path.display())));
        }
        let subtree = subtree_of(&parsed).map_err(fail)?;
        let not_after = load_time(parsed.validity().not_after.timestamp());
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| FileError::new(own_path, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            issuer,
            root,
            chain,
            subtree,
            not_after,
        })
    }

    /// The locality that this authority may certify; none for every name.
    #[must_use]
    pub fn subtree(&self) -> Option<&PlaceName> {
        self.subtree.as_ref()
    }

    /// Makes a key and a certificate for a place: `place.key`, `place.crt` and
    /// `authority.crt` in that folder.
    ///
    /// # Errors
    /// [`FileError`] if the name is not this authority's to give, the folder is open to
    /// others, holds a key already and `existing` keeps it, or cannot be written.
    pub fn issue(
        &self,
        place: &PlaceName,
        folder: &Path,
        validity: Duration,
        existing: Existing,
    ) -> Result<(), FileError> {
        self.check_name(place, folder)?;
        let fail = |error: rcgen::Error| FileError::new(folder, error);
        let key = KeyPair::generate().map_err(fail)?;
        let certificate = self.certify(place, &key, validity).map_err(fail)?;
        let chain = certificate.pem() + &self.chain;
        files::private_folder(folder)?;
        // The key first: with `Keep`, a folder in use fails here and stays as it is.
        let pem = key.serialize_pem();
        write(folder, "place.key", &pem, 0o600, existing)?;
        self.note(place, &certificate)?;
        write(folder, "place.crt", &chain, 0o644, Existing::Replace)?;
        write(
            folder,
            "authority.crt",
            &self.root,
            0o644,
            Existing::Replace,
        )
    }

    /// Certifies that a key is a place's.
    pub(super) fn certify(
        &self,
        place: &PlaceName,
        key: &impl PublicKeyData,
        validity: Duration,
    ) -> Result<Certificate, rcgen::Error> {
        let mut params = base_params(place.as_str(), self.capped(validity)).0;
        params.subject_alt_names = vec![SanType::DnsName(place.dns_name().try_into()?)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &self.issuer)
    }

    /// Makes an authority that can certify only the places of one locality, for the
    /// place that lets others join there.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_intermediate(
        &self,
        subtree: &PlaceName,
        folder: &Path,
        validity: Duration,
        existing: Existing,
    ) -> Result<Self, FileError> {
        self.check_name(subtree, folder)?;
        let fail = |error: rcgen::Error| FileError::new(folder, error);
        let key = KeyPair::generate().map_err(fail)?;
        let name = format!("Waybook authority of {subtree}");
        let (params, not_after) = authority_params(&name, self.capped(validity), Some(subtree));
        let certificate = params.signed_by(&key, &self.issuer).map_err(fail)?;
        let authority = Self {
            folder: folder.to_owned(),
            chain: certificate.pem() + &self.chain,
            issuer: Issuer::new(params, key),
            root: self.root.clone(),
            subtree: Some(subtree.clone()),
            not_after,
        };
        authority.save(folder, existing)?;
        self.note(subtree, &certificate)?;
        Ok(authority)
    }

    fn save(&self, folder: &Path, existing: Existing) -> Result<(), FileError> {
        files::private_folder(folder)?;
        let key = self.issuer.key().serialize_pem();
        write(folder, "authority.key", &key, 0o600, existing)?;
        write(
            folder,
            "authority.crt",
            &self.root,
            0o644,
            Existing::Replace,
        )?;
        match self.chain.is_empty() {
            true => Ok(()),
            false => write(folder, "chain.crt", &self.chain, 0o644, Existing::Replace),
        }
    }

    /// Refuses a name that no place would accept from this authority.
    pub(super) fn check_name(&self, name: &PlaceName, folder: &Path) -> Result<(), FileError> {
        if let Some(subtree) = self.subtree.as_ref().filter(|s| !s.contains(name)) {
            let what = format!("this authority may certify `{subtree}` and below, not `{name}`");
            return Err(FileError::new(folder, what));
        }
        if ServerName::try_from(name.dns_name()).is_err() {
            let what = format!(
                "`{name}` cannot stand in a certificate: its first label must not be digits only"
            );
            return Err(FileError::new(folder, what));
        }
        Ok(())
    }

    fn capped(&self, validity: Duration) -> Duration {
        let left = self.not_after.duration_since(SystemTime::now());
        validity.min(left.unwrap_or_default())
    }
}

pub(super) fn write(
    folder: &Path,
    name: &str,
    text: &str,
    mode: u32,
    existing: Existing,
) -> Result<(), FileError> {
    files::write_file(&folder.join(name), text.as_bytes(), mode, existing)
}

/// Parameters that hold from now for that long, and when they end.
fn base_params(name: &str, validity: Duration) -> (CertificateParams, SystemTime) {
    let mut params = CertificateParams::default();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    params.distinguished_name = distinguished;
    let mut serial = files::random_bytes::<16>();
    // A serial number is positive.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // X.509 counts whole seconds, and years to 9999.
    let most = Duration::from_secs(200 * 365 * 24 * 3600);
    let end = Duration::from_secs((now + validity.min(most)).as_secs());
    params.not_before = epoch + now.saturating_sub(BACKDATE);
    params.not_after = epoch + end;
    (params, UNIX_EPOCH + end)
}

fn authority_params(
    name: &str,
    validity: Duration,
    subtree: Option<&PlaceName>,
) -> (CertificateParams, SystemTime) {
    let (mut params, not_after) = base_params(name, validity);
    // Two authorities of one name are still two.
    let number = files::random_hex(8);
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, number);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = subtree.map(|subtree| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(subtree.dns_name())],
        excluded_subtrees: Vec::new(),
    });
    params.use_authority_key_identifier_extension = true;
    (params, not_after)
}

/// The locality that an authority's certificate is limited to.
pub(super) fn subtree_of(certificate: &X509Certificate<'_>) -> Result<Option<PlaceName>, String> {
    let constraints = certificate
        .name_constraints()
        .map_err(|error| format!("the name constraints do not parse: {error}"))?;
    let permitted = constraints.and_then(|c| c.value.permitted_subtrees.as_deref());
    match permitted {
        None => Ok(None),
        Some([one]) => match one.base {
            GeneralName::DNSName(dns) => PlaceName::from_dns_name(dns)
                .map(Some)
                .map_err(|error| format!("is not limited to a locality: {error}")),
            _ => Err("is not limited to a locality".to_owned()),
        },
        Some(_) => Err("must be limited to one locality".to_owned()),
    }
}

/// The moment that a certificate names in seconds since 1970.
pub(super) fn load_time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
