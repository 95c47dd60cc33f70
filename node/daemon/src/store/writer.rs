//! Writes records behind the place's back, in batches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use tokio::sync::oneshot;
use waybook_agents::wire;
use waybook_place::io::RecordKey;

use super::queue::{Going, Order, Queue, Taken};
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

    /// Whether there is a record of that key; true where that cannot be seen.
    fn may_hold(&self, key: &[u8]) -> bool {
        let look = |database: &Database| -> Result<bool, redb::Error> {
            let table = database.begin_read()?.open_table(RECORDS)?;
            Ok(table.get(key)?.is_some())
        };
        match self.database.as_ref().map(look) {
            Some(Ok(held)) => held,
            Some(Err(redb::Error::TableDoesNotExist(_))) => false,
            Some(Err(_)) | None => true,
        }
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
    let mut due = None;
    loop {
        let Taken {
            orders,
            until,
            ended,
        } = queue.take(due);
        let mut waiting = Vec::new();
        let mut copies = Vec::new();
        for order in orders {
            match order {
                Order::Put(key, value) => put(&mut pending, records, &key, value),
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
        let is_time = ended || Instant::now() >= until;
        if !is_time && waiting.is_empty() && copies.is_empty() {
            due = (!pending.is_empty()).then_some(until);
            continue;
        }
        let written = match pending.is_empty() {
            true => Ok(()),
            false => records.write(&pending).map_err(|error| error.to_string()),
        };
        due = match &written {
            Ok(()) => {
                pending.clear();
                None
            }
            Err(error) => {
                tracing::error!(%error, records = pending.len(), "records could not be written");
                Some(Instant::now() + RETRY)
            }
        };
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

/// What is over before it was ever written is forgotten, and nobody waits for its end.
fn put(pending: &mut Pending, records: &Records, key: &RecordKey, value: Option<Vec<u8>>) {
    let at = matches!(key, RecordKey::Session(_)).then(|| seconds(SystemTime::now()));
    let key = wire::encode_record(key);
    let is_new = |change: &Change| change.value.is_some() && !records.may_hold(&key);
    if value.is_none() && pending.get(&key).is_some_and(is_new) {
        pending.remove(&key);
    } else {
        pending.insert(key, Change { value, at });
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

#[cfg(test)]
mod tests {
    use waybook_agents::SessionId;

    use super::*;

    fn records() -> (tempfile::TempDir, Records) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.redb");
        let database = Some(Database::create(&path).unwrap());
        (folder, Records { path, database })
    }

    #[test]
    fn what_is_over_before_it_was_written_never_is() {
        let (_folder, mut records) = records();
        let key = RecordKey::Session(SessionId(1));
        let mut pending = Pending::new();
        put(&mut pending, &records, &key, Some(vec![1]));
        put(&mut pending, &records, &key, None);
        assert!(pending.is_empty());

        // What is on disk must go from there, whatever was to replace it.
        put(&mut pending, &records, &key, Some(vec![1]));
        records.write(&pending).unwrap();
        pending.clear();
        put(&mut pending, &records, &key, Some(vec![2]));
        put(&mut pending, &records, &key, None);
        assert!(pending.values().all(|change| change.value.is_none()));
        assert_eq!(pending.len(), 1);
        records.write(&pending).unwrap();
        assert!(!records.may_hold(&wire::encode_record(&key)));
    }

    #[test]
    fn where_the_disk_cannot_be_read_the_end_is_kept() {
        let (_folder, mut records) = records();
        records.database = None;
        let key = RecordKey::Session(SessionId(1));
        let mut pending = Pending::new();
        put(&mut pending, &records, &key, Some(vec![1]));
        put(&mut pending, &records, &key, None);
        assert_eq!(pending.len(), 1);
    }

    /// Whoever waits for the end of what never was written does not wait for the disk, and what else
    /// waits is not written for it any sooner.
    #[test]
    fn nobody_waits_for_what_needs_no_writing() {
        let (folder, records) = records();
        drop(records);
        let path = folder.path().join("records.redb");
        let writer = Writer::spawn(path.clone(), Database::create(&path).unwrap());
        let (standing, over) = (SessionId(1), SessionId(2));
        writer.put(RecordKey::Session(standing), Some(vec![1]));
        writer.put(RecordKey::Session(over), Some(vec![2]));
        writer.put(RecordKey::Session(over), None);
        let (answer, answered) = oneshot::channel();
        writer.when_written(Some(RecordKey::Session(over)), answer);
        assert_eq!(answered.blocking_recv().unwrap(), Ok(()));
        writer.flush().unwrap();
        drop(writer);
        let database = Database::create(&path).unwrap();
        let records = Records {
            path,
            database: Some(database),
        };
        let holds = |id| records.may_hold(&wire::encode_record(&RecordKey::Session(id)));
        assert_eq!((holds(standing), holds(over)), (true, false));
    }
}
