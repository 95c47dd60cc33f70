//! What outlives the daemon: one folder that one daemon at a time works in.
//!
//! | file | what |
//! |---|---|
//! | `version` | the layout of the folder; a newer one is refused, an older one brought up to date |
//! | `lock` | held while a daemon runs; names its process |
//! | `records.redb` | the place's records, since when there are sessions', and its last life |
//! | `token` | what the owner of the folder shows to the API |
//! | `tokens.json` | which other tokens there are; kept by the API |
//! | `gateway-secret` | what sessions' URLs are derived from |
//! | `api-tls/` | a certificate that the place has made for its API |
//! | `audit/` | what was changed, and by whom |
//! | `runtime.json` | where the running daemon is reached |

mod queue;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::oneshot;
use waybook_agents::{Incarnation, SessionId, wire};
use waybook_place::io::RecordKey;

use crate::files::{self, Existing, FileError};
use crate::handle::Written;
use writer::Writer;

/// The layout that this build writes. An older one is migrated as the folder is opened.
///
/// | layout | records are frames of |
/// |---|---|
/// | 1 | version 1 of the wire format |
/// | 2 | version 2, their keys as well |
const LAYOUT: u32 = 2;

// A build that does not read this one's records must refuse the folder. It looks at the
// layout alone: left as it was, it would start without its sessions.
const _: () = assert!(
    wire::LAYOUT == 2,
    "records are written in another version: raise LAYOUT, and say in `migrate` what changes"
);

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// When a record was stored for the first time, in seconds since 1970. Only sessions' are needed;
/// older builds leave the table alone.
const TIMES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("times");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const INCARNATION: &str = "incarnation";

/// An open data folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    incarnation: Incarnation,
    records: Vec<(RecordKey, Vec<u8>)>,
    ages: Vec<(SessionId, Duration)>,
    token: String,
    gateway_secret: [u8; 32],
    writer: Writer,
    // Last, so that the folder is free only when all is written.
    _lock: File,
}

impl Store {
    /// Opens a data folder, making it if there is none, and begins a new life: the
    /// greater of the last one plus one and `now` in nanoseconds since 1970. When this
    /// returns, the new life is on disk.
    ///
    /// # Errors
    /// [`FileError`]: the folder is open to others, in use (with the process that uses
    /// it), of a newer layout, or damaged.
    pub fn open(folder: &Path, now: SystemTime) -> Result<Self, FileError> {
        files::private_folder(folder)?;
        let lock = lock(&folder.join("lock"))?;
        let layout = layout(&folder.join("version"))?;
        let path = folder.join("records.redb");
        let fail = |error: redb::Error| FileError::new(&path, error);
        let database = Database::create(&path).map_err(|e| fail(e.into()))?;
        let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600));
        if layout < LAYOUT {
            migrate(&database).map_err(fail)?;
            let text = format!("{LAYOUT}\n");
            let version = folder.join("version");
            files::write_file(&version, text.as_bytes(), 0o600, Existing::Replace)?;
            tracing::info!(
                from = layout,
                to = LAYOUT,
                "the data folder was brought up to date"
            );
        }
        let incarnation = begin_life(&database, now).map_err(fail)?;
        let records = read_records(&database).map_err(fail)?;
        let ages = read_ages(&database, now).map_err(fail)?;
        let token = secret(&folder.join("token"))?;
        let gateway_secret = secret(&folder.join("gateway-secret"))?;
        Ok(Self {
            folder: folder.to_owned(),
            incarnation,
            records,
            ages,
            token: HEXLOWER.encode(&token),
            gateway_secret,
            writer: Writer::spawn(path, database),
            _lock: lock,
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The life that began when the folder was opened.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The records of earlier lives; once.
    pub fn take_records(&mut self) -> Vec<(RecordKey, Vec<u8>)> {
        std::mem::take(&mut self.records)
    }

    /// How long ago the sessions of earlier lives were stored for the first time, by the wall
    /// clock: nothing if that was set back since.
    #[must_use]
    pub fn ages(&self) -> &[(SessionId, Duration)] {
        &self.ages
    }

    /// What local clients of the API show: 256 random bits in hexadecimal.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the data plane derives sessions' URLs from.
    #[must_use]
    pub fn gateway_secret(&self) -> [u8; 32] {
        self.gateway_secret
    }

    /// Keeps a record, or forgets it where there is no value. Returns at once; a thread
    /// writes batches behind it.
    pub fn put(&self, key: RecordKey, value: Option<Vec<u8>>) {
        self.writer.put(key, value);
    }

    /// Waits until everything that was put is on disk, or could not be written.
    ///
    /// # Errors
    /// [`FileError`] if something could not be written.
    pub fn flush(&self) -> Result<(), FileError> {
        let flushed = self.writer.flush();
        flushed.map_err(|what| FileError::new(&self.folder.join("records.redb"), what))
    }

    /// Answers when everything that was put is on disk, or could not be written; or, of one
    /// record, when what was put last is.
    pub fn when_written(&self, record: Option<RecordKey>, answer: oneshot::Sender<Written>) {
        self.writer.when_written(record, answer);
    }

    /// Copies all records, as they are when everything that was put is on disk, to a file that is
    /// not there yet, and answers then.
    pub(crate) fn copy_records(&self, to: PathBuf, answer: oneshot::Sender<Written>) {
        self.writer.copy(to, answer);
    }

    /// Writes `runtime.json` for the commands that look for the running daemon.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn write_runtime(&self, json: &str) -> Result<(), FileError> {
        let path = self.folder.join("runtime.json");
        files::write_file(&path, json.as_bytes(), 0o600, Existing::Replace)
    }

    /// Removes `runtime.json`; the daemon is no longer reached.
    pub fn remove_runtime(&self) {
        let _ = std::fs::remove_file(self.folder.join("runtime.json"));
    }
}

fn lock(path: &Path) -> Result<File, FileError> {
    let fail = |error: std::io::Error| FileError::new(path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let folder = path.parent().unwrap_or(path);
            return Err(FileError::new(
                folder,
                format!(
                    "another daemon (process {}) works in this folder; stop it, or give this one its own `data-dir`",
                    pid.trim()
                ),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    let write = |file: &mut File| -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(fail)?;
    Ok(file)
}

/// The layout of a folder, at most this build's. A new folder gets that.
fn layout(path: &Path) -> Result<u32, FileError> {
    if !path.exists() {
        let text = format!("{LAYOUT}\n");
        files::write_file(path, text.as_bytes(), 0o600, Existing::Keep)?;
        return Ok(LAYOUT);
    }
    let text = files::read_text(path)?;
    match text.trim().parse::<u32>() {
        Ok(layout @ 1..=LAYOUT) => Ok(layout),
        Ok(layout) => Err(FileError::new(
            path,
            format!(
                "the data folder has layout {layout}, and this build reads layouts 1 to {LAYOUT}; \
                 use the build that wrote it, or a newer one"
            ),
        )),
        Err(_) => Err(FileError::new(
            path,
            format!("must hold the number of the folder's layout, such as {LAYOUT}"),
        )),
    }
}

/// Brings the records of an older layout up to date, all or none of them. A key is found by its
/// bytes, so one of an older version would be neither replaced nor removed: what it stands for
/// would be back after the next start, however long it was over. Values are read in any version.
fn migrate(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(RECORDS)?;
        let mut moved = Vec::new();
        for entry in table.iter()? {
            let (key, value) = entry?;
            let old = key.value();
            let Ok(record) = wire::decode_record::<RecordKey>(old) else {
                continue;
            };
            let new = wire::encode_record(&record);
            if new != old {
                moved.push((old.to_vec(), new, value.value().to_vec()));
            }
        }
        for (old, new, value) in moved {
            table.remove(old.as_slice())?;
            // What stands under the newer key was written later.
            if table.get(new.as_slice())?.is_none() {
                table.insert(new.as_slice(), value.as_slice())?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn begin_life(database: &Database, now: SystemTime) -> Result<Incarnation, redb::Error> {
    let clock = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let clock = u64::try_from(clock.as_nanos()).unwrap_or(u64::MAX);
    // A commit is on disk when it returns, unless asked otherwise.
    let transaction = database.begin_write()?;
    let life = {
        transaction.open_table(RECORDS)?;
        transaction.open_table(TIMES)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        let last = numbers.get(INCARNATION)?.map_or(0, |n| n.value());
        let life = last.saturating_add(1).max(clock);
        numbers.insert(INCARNATION, life)?;
        life
    };
    transaction.commit()?;
    Ok(Incarnation(life))
}

fn read_records(database: &Database) -> Result<Vec<(RecordKey, Vec<u8>)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(RECORDS)?;
    let mut records = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        match wire::decode_record::<RecordKey>(key.value()) {
            Ok(key) => records.push((key, value.value().to_vec())),
            Err(error) => tracing::warn!(%error, "a stored record is not readable; left out"),
        }
    }
    Ok(records)
}

fn read_ages(
    database: &Database,
    now: SystemTime,
) -> Result<Vec<(SessionId, Duration)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(TIMES)?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut ages = Vec::new();
    for entry in table.iter()? {
        let (key, at) = entry?;
        if let Ok(RecordKey::Session(session)) = wire::decode_record(key.value()) {
            let at = Duration::from_secs(at.value());
            ages.push((session, now.saturating_sub(at)));
        }
    }
    Ok(ages)
}

/// Reads a secret of 256 bits, making it on first use.
fn secret(path: &Path) -> Result<[u8; 32], FileError> {
    if !path.exists() {
        let text = format!("{}\n", files::random_hex(32));
        files::write_file(path, text.as_bytes(), 0o600, Existing::Keep)?;
    }
    files::unhex(&files::read_text(path)?).ok_or_else(|| {
        FileError::new(
            path,
            "must hold 64 hexadecimal digits; remove the file to have a new one made",
        )
    })
}
