//! Writes records behind the place's back, in batches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use tokio::sync::oneshot;
use waybook_agents::wire;
use waybook_place::io::RecordKey;

use super::queue::{Going, Order, Queue};
use super::{NUMBERS, RECORDS, TIMES};
use crate::handle::Written;
use crate::moment::seconds;

/// How long to wait after a failed write before the next attempt.
const RETRY: Duration = Duration::from_secs(1);

/// A thread that owns the database.
pub(super) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn spawn(path: PathBuf, database: Database) -> Self {
        let queue = Arc::<Queue>::default();
        let mut records = Records {
            path,
            database: Some(database),
        };
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn({
                let going = Going::new(queue.clone());
                move || run(&mut records, going.queue())
            })
            .expect("a thread can be started");
        Self {
            queue,
            thread: Some(thread),
        }
    }

    pub(super) fn put(&self, key: RecordKey, value: Option<Vec<u8>>) {
        self.queue.give(Order::Put(key, value));
    }

    /// Waits; not for a task.
    pub(super) fn flush(&self) -> Written {
        let (answer, receiver) = oneshot::channel();
        self.when_written(None, answer);
        let ended = |_| Err("the writer has ended".to_owned());
        receiver.blocking_recv().unwrap_or_else(ended)
    }

    pub(super) fn when_written(&self, record: Option<RecordKey>, answer: oneshot::Sender<Written>) {
        self.queue.give(Order::Flush(record, answer));
    }

    pub(super) fn copy(&self, to: PathBuf, answer: oneshot::Sender<Written>) {
        self.queue.give(Order::Copy(to, answer));
    }
}

impl Drop for Writer {
    /// Writes what is left.
    fn drop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What waits to be written: for each key only the latest value, so that what waits is
/// bounded by what is kept, however long the disk fails.
type Pending = BTreeMap<Vec<u8>, Change>;

struct Change {
    value: Option<Vec<u8>>,
    /// When it was put, in seconds since 1970, if that is to be known.
    at: Option<u64>,
}

/// The database, and where it is.
struct Records {
    path: PathBuf,
    /// None after a write that failed. A database that has met an error takes nothing more,
    /// whatever becomes of the disk, until it is opened again.
    database: Option<Database>,
}

impl Records {
    fn write(&mut self, pending: &Pending) -> Result<(), redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::open(&self.path)?,
        };
        write(&database, pending)?;
        self.database = Some(database);
        Ok(())
    }

    /// Copies everything that has been written.
    fn copy(&self, to: &Path) -> Result<(), redb::Error> {
        let database = self.database.as_ref();
        let from = database.expect("what was just written to").begin_read()?;
        let database = Database::create(to)?;
        let into = database.begin_write()?;
        copy_table(&from, &into, RECORDS)?;
        copy_table(&from, &into, TIMES)?;
        copy_table(&from, &into, NUMBERS)?;
        into.commit()?;
        Ok(())
    }
}

fn copy_table<K: redb::Key, V: redb::Value>(
    from: &ReadTransaction,
    into: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), redb::Error> {
    let from = from.open_table(table)?;
    let mut into = into.open_table(table)?;
    for entry in from.iter()? {
        let (key, value) = entry?;
        into.insert(key.value(), value.value())?;
    }
    Ok(())
}

fn run(records: &mut Records, queue: &Queue) {
    let mut pending = Pending::new();
    loop {
        let (orders, ended) = queue.take((!pending.is_empty()).then_some(RETRY));
        let mut waiting = Vec::new();
        let mut copies = Vec::new();
        for order in orders {
            match order {
                Order::Put(key, value) => {
                    let at =
                        matches!(key, RecordKey::Session(_)).then(|| seconds(SystemTime::now()));
                    pending.insert(wire::encode_record(&key), Change { value, at });
                }
                // Nobody waits for what others could not write.
                Order::Flush(Some(key), answer)
                    if !pending.contains_key(&wire::encode_record(&key)) =>
                {
                    let _ = answer.send(Ok(()));
                }
                Order::Flush(_, answer) => waiting.push(answer),
                Order::Copy(to, answer) => copies.push((to, answer)),
            }
        }
        let written = match pending.is_empty() {
            true => Ok(()),
            false => records.write(&pending).map_err(|error| error.to_string()),
        };
        match &written {
            Ok(()) => pending.clear(),
            Err(error) => {
                tracing::error!(%error, records = pending.len(), "records could not be written");
            }
        }
        for answer in waiting {
            let _ = answer.send(written.clone());
        }
        for (to, answer) in copies {
            let copied = written.clone().and_then(|()| {
                let copied = records.copy(&to);
                copied.map_err(|error| format!("{}: {error}", to.display()))
            });
            let _ = answer.send(copied);
        }
        if ended {
            return;
        }
    }
}

fn write(database: &Database, pending: &Pending) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(RECORDS)?;
        let mut times = transaction.open_table(TIMES)?;
        for (key, change) in pending {
            let key = key.as_slice();
            let Some(value) = &change.value else {
                table.remove(key)?;
                times.remove(key)?;
                continue;
            };
            let is_new = table.insert(key, value.as_slice())?.is_none();
            if let Some(at) = change.at.filter(|_| is_new) {
                times.insert(key, at)?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
