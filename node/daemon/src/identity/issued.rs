//! What becomes of certificates that an authority has issued: they are renewed, or revoked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    Certificate, CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber,
    SubjectPublicKeyInfo,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use waybook_location_tree::PlaceName;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::authority::{Authority, subtree_of, write};
use super::name_in;
use crate::files::{self, Existing, FileError};

/// The folder of what was issued.
const ISSUED: &str = "issued";
/// The list of what was revoked.
const REVOKED: &str = "revoked.crl";
/// A list of what is revoked says that another comes; places do not insist on it.
const NEXT_LIST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Certificates to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that were issued for a place.
    Place(PlaceName),
    /// All of authorities that are limited to that locality.
    Authority(PlaceName),
    /// The one in that file.
    File(PathBuf),
}

/// What has been revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The list, which places are to be given.
    pub list: PathBuf,
    /// How many certificates this has put on it.
    pub added: usize,
    /// How many are on it.
    pub all: usize,
}

/// A certificate, as far as it matters here.
struct Known {
    serial: Vec<u8>,
    /// Whom it certifies: a place, or the authority of a locality.
    whom: Which,
    over: bool,
}

impl Authority {
    /// Certifies a place again, with the key that it has: replaces `place.crt` in that folder
    /// and nothing else, so that no key need be there.
    ///
    /// # Errors
    /// [`FileError`] if the name is not this authority's to give, `place.crt` is missing, another
    /// place's, or revoked, or a file cannot be written.
    pub fn renew(
        &self,
        place: &PlaceName,
        folder: &Path,
        validity: Duration,
    ) -> Result<(), FileError> {
        self.check_name(place, folder)?;
        let path = folder.join("place.crt");
        let fail = |what: String| FileError::new(&path, what);
        let old = read_certificate(&path)?;
        let certified = name_in(&old).map_err(fail)?;
        if certified != *place {
            return Err(fail(format!("is the certificate of `{certified}`")));
        }
        let (_, parsed) = X509Certificate::from_der(&old)
            .map_err(|error| fail(format!("does not parse: {error}")))?;
        if self.revoked()?.contains_key(parsed.raw_serial()) {
            return Err(fail(
                "is revoked, so its key is not certified again; make a new one with \
                 `waybook ca issue --replace`"
                    .to_owned(),
            ));
        }
        let key = SubjectPublicKeyInfo::from_der(parsed.public_key().raw)
            .map_err(|error| fail(format!("has a key that cannot be certified: {error}")))?;
        let certificate = self.certify(place, &key, validity);
        let certificate = certificate.map_err(|error| FileError::new(&path, error))?;
        self.note(place, &certificate)?;
        let chain = certificate.pem() + &self.chain;
        write(folder, "place.crt", &chain, 0o644, Existing::Replace)
    }

    /// Puts certificates on the list of those revoked, which is made anew in this authority's
    /// folder. Those that are over need no revoking.
    ///
    /// # Errors
    /// [`FileError`] if there is nothing to revoke, or a file cannot be read or written.
    pub fn revoke(&self, which: &Which) -> Result<Revocation, FileError> {
        let found: Vec<Known> = match which {
            Which::File(path) => vec![known(path)?],
            named => {
                let mut all = self.issued()?;
                all.retain(|known| known.whom == *named && !known.over);
                all
            }
        };
        if found.is_empty() {
            let folder = self.folder.join(ISSUED);
            let what = "holds no certificate of that name that is not over; name the file of \
                        another one with `--certificate`";
            return Err(FileError::new(&folder, what));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = Duration::from_secs(now.unwrap_or_default().as_secs());
        let mut revoked = self.revoked()?;
        let before = revoked.len();
        for known in found {
            revoked.entry(known.serial).or_insert(now);
        }
        let list = self.write_list(&revoked, now)?;
        Ok(Revocation {
            list,
            added: revoked.len() - before,
            all: revoked.len(),
        })
    }

    fn write_list(
        &self,
        revoked: &BTreeMap<Vec<u8>, Duration>,
        now: Duration,
    ) -> Result<PathBuf, FileError> {
        let path = self.folder.join(REVOKED);
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let revoked_certs = revoked.iter().map(|(serial, when)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: epoch + *when,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: epoch + now,
            next_update: epoch + now + NEXT_LIST,
            // Grows, as it must.
            crl_number: SerialNumber::from(now.as_secs()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).and_then(|list| list.pem());
        let list = list.map_err(|error| FileError::new(&path, error))?;
        write(&self.folder, REVOKED, &list, 0o644, Existing::Replace)?;
        Ok(path)
    }

    /// Notes what was issued, so that it can be revoked.
    pub(super) fn note(
        &self,
        name: &PlaceName,
        certificate: &Certificate,
    ) -> Result<(), FileError> {
        let folder = self.folder.join(ISSUED);
        files::private_folder(&folder)?;
        let name = name.as_str().replace('/', ".");
        let file = format!("{name}-{}.crt", files::random_hex(8));
        write(&folder, &file, &certificate.pem(), 0o644, Existing::Keep)
    }

    fn issued(&self) -> Result<Vec<Known>, FileError> {
        let folder = self.folder.join(ISSUED);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let fail = |error| FileError::new(&folder, error);
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|extension| extension == "crt") {
                all.push(known(&path)?);
            }
        }
        Ok(all)
    }

    /// The serial numbers of what is on the list, and since when.
    fn revoked(&self) -> Result<BTreeMap<Vec<u8>, Duration>, FileError> {
        let path = self.folder.join(REVOKED);
        if !path.exists() {
            return Ok(BTreeMap::new());
        }
        let fail = |what: String| FileError::new(&path, what);
        let list = CertificateRevocationListDer::from_pem_file(&path)
            .map_err(|error| fail(format!("is no list of revoked certificates: {error}")))?;
        let (_, list) = CertificateRevocationList::from_der(&list)
            .map_err(|error| fail(format!("does not parse: {error}")))?;
        let each = list.iter_revoked_certificates().map(|revoked| {
            let since = u64::try_from(revoked.revocation_date.timestamp()).unwrap_or(0);
            (revoked.raw_serial().to_vec(), Duration::from_secs(since))
        });
        Ok(each.collect())
    }
}

fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, FileError> {
    CertificateDer::from_pem_file(path)
        .map_err(|error| FileError::new(path, format!("is no certificate in PEM: {error}")))
}

fn known(path: &Path) -> Result<Known, FileError> {
    let fail = |what: String| FileError::new(path, what);
    let certificate = read_certificate(path)?;
    let (_, parsed) = X509Certificate::from_der(&certificate)
        .map_err(|error| fail(format!("does not parse: {error}")))?;
    let whom = match parsed.is_ca() {
        true => subtree_of(&parsed)
            .map_err(fail)?
            .map(Which::Authority)
            .ok_or_else(|| {
                fail(
                    "is a root's certificate: places that trust it are told no more of it than to \
                      take it out of `authority.crt`"
                        .to_owned(),
                )
            })?,
        false => Which::Place(name_in(&certificate).map_err(fail)?),
    };
    Ok(Known {
        serial: parsed.raw_serial().to_vec(),
        whom,
        over: !parsed.validity().is_valid()
            && parsed.validity().not_after < x509_parser::time::ASN1Time::now(),
    })
}
