//! Files that only the daemon's user may read, written so that a crash leaves the old
//! one or the new one.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand::TryRng;
use rand::rngs::SysRng;

/// What could not be done with which file or folder, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong, and what would help.
    pub what: String,
}

impl FileError {
    /// What is wrong where [`Existing::Keep`] kept a file. What would help, the caller knows.
    pub const THERE: &str = "is there already, and is not replaced";

    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over")]
    pub(crate) fn new(path: &Path, what: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}

/// Whether a file that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is an error.
    Keep,
    /// It is replaced.
    Replace,
}

/// Makes a folder for its owner only (0700), with the folders above it. One that is
/// there already must not be open to others.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    let fail = |error: io::Error| FileError::new(path, error);
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => Err(FileError::new(path, "is not a folder")),
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => Err(FileError::new(
            path,
            "others may look into this folder; make it private with `chmod 700`",
        )),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(fail),
        Err(error) => Err(fail(error)),
    }
}

/// Writes a whole file durably, with those permissions from its first moment on.
pub(crate) fn write_file(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    existing: Existing,
) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", random_hex(8)));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        // Whatever the umask of the process is.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match existing {
            Existing::Replace => std::fs::rename(&temporary, path)?,
            // Unlike a rename, this never replaces.
            Existing::Keep => std::fs::hard_link(&temporary, path)?,
        }
        File::open(folder)?.sync_all()
    };
    let result = write();
    let _ = std::fs::remove_file(&temporary);
    result.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => FileError::new(path, FileError::THERE),
        _ => FileError::new(path, error),
    })
}

/// Reads a small text file.
pub(crate) fn read_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|error| FileError::new(path, error))
}

/// Random bytes from the operating system.
///
/// # Panics
/// If the system has none; nothing secret can be made then.
#[must_use]
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

/// That many random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> String {
    let random = random_bytes::<32>();
    HEXLOWER.encode(&random[..bytes.min(32)])
}

/// Reads 32 bytes from 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
    bytes.try_into().ok()
}

/// A random factor from 0.5 to 1.5.
pub(crate) fn jitter() -> f64 {
    0.5 + f64::from(u32::from_le_bytes(random_bytes())) / f64::from(u32::MAX)
}
