//! Lists of revoked certificates.

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::load::pem_error;
use crate::config::IdentityPaths;
use crate::files::FileError;

/// What is revoked, by one authority or several.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    /// How many certificates are on the lists.
    pub(super) certificates: usize,
}

impl Revoked {
    /// Reads the lists. Where none need be there, none is as good as an empty one.
    pub(super) fn load(paths: &IdentityPaths) -> Result<Self, FileError> {
        let (path, must) = paths.revoked();
        if !must && !path.exists() {
            return Ok(Self::default());
        }
        let lists = CertificateRevocationListDer::pem_file_iter(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| pem_error(&path, "lists of revoked certificates", error))?;
        if lists.is_empty() {
            let what = "holds no list of revoked certificates in PEM (`X509 CRL`)";
            return Err(FileError::new(&path, what));
        }
        let mut certificates = 0;
        for list in &lists {
            let (_, parsed) = CertificateRevocationList::from_der(list)
                .map_err(|error| FileError::new(&path, format!("does not parse: {error}")))?;
            certificates += parsed.iter_revoked_certificates().count();
        }
        Ok(Self {
            lists,
            certificates,
        })
    }
}
