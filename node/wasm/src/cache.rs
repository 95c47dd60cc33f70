//! Machine code kept on disk.
//!
//! A file is named by the component's digest and by what the engine and the processor need
//! of code. It begins with a checksum, which is compared before the code is believed.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

/// What a file begins with; the last byte counts versions of this layout.
const MAGIC: &[u8; 8] = b"waybook\x01";

/// What the names of files end with that are being written. A crash leaves them.
const UNFINISHED: &str = "part";

/// Magic and checksum.
const HEAD: usize = 8 + blake3::OUT_LEN;

/// The directory.
pub(crate) struct Cache {
    directory: PathBuf,
    /// Tells code of this engine from that of others.
    engine: String,
}

/// What the directory has of a component.
pub(crate) enum Found {
    Code(Box<Component>),
    Nothing,
    /// A file that was not written here, or has changed since.
    Damaged,
}

impl Cache {
    pub(crate) fn new(directory: &Path, engine: &Engine) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == UNFINISHED)
            {
                fs::remove_file(path)?;
            }
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        std::env::consts::ARCH.hash(&mut hasher);
        Ok(Self {
            directory: directory.to_owned(),
            engine: format!("{:016x}", hasher.finish()),
        })
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        let name = format!("{}-{}.cwasm", hex(digest), self.engine);
        self.directory.join(name)
    }

    /// Looks for code.
    pub(crate) fn find(&self, engine: &Engine, digest: &[u8; 32]) -> Found {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "machine code cannot be read");
                return Found::Damaged;
            }
        };
        let Some(code) = checked(&bytes) else {
            tracing::warn!(path = %path.display(), "machine code on disk is damaged; compiling anew");
            return Found::Damaged;
        };
        match load(engine, code) {
            Ok(component) => Found::Code(Box::new(component)),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = format!("{error:#}"), "machine code on disk is foreign; compiling anew");
                Found::Damaged
            }
        }
    }

    /// Writes code, in the place of what there was of the component. A crash leaves the old
    /// file, the new one or none.
    pub(crate) fn keep(&self, digest: &[u8; 32], code: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{count}.{UNFINISHED}", std::process::id()));
        let mut file = fs::File::create(&temporary)?;
        let written = (|| {
            file.write_all(MAGIC)?;
            file.write_all(blake3::hash(code).as_bytes())?;
            file.write_all(code)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            fs::File::open(&self.directory)?.sync_all()
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        self.remove(digest, Some(&path))
    }

    /// Forgets all components but those that `keep` knows by their digests.
    pub(crate) fn retain(&self, keep: impl Fn(&[u8; 32]) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name
                .and_then(digest_in)
                .is_some_and(|digest| !keep(&digest))
            {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Forgets a component, except for one file.
    pub(crate) fn remove(&self, digest: &[u8; 32], except: Option<&Path>) -> io::Result<()> {
        let prefix = format!("{}-", hex(digest));
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let ours = entry.file_name().to_string_lossy().starts_with(&prefix);
            if ours && except != Some(entry.path().as_path()) {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The digest that a file's name begins with.
fn digest_in(name: &str) -> Option<[u8; 32]> {
    let (hex, _) = name.split_once('-')?;
    let digits = hex.as_bytes();
    if digits.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// The code of a file that is as it was written.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (head, code) = bytes.split_at_checked(HEAD)?;
    let sum = head.strip_prefix(MAGIC)?;
    (blake3::hash(code).as_bytes() == sum).then_some(code)
}

/// Turns bytes into code. They must have come out of [`Component::serialize`] here: a
/// checksum was compared, and the directory is the daemon's own. An engine refuses what
/// another version, other settings or another processor made.
#[allow(
    unsafe_code,
    reason = "machine code can only be loaded by trusting it; it was made here and its checksum is right"
)]
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Cache::keep` wrote, which are those of `serialize`.
    unsafe { Component::deserialize(engine, code) }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
