//! Where the tables of a run are written.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use waybook_sim::results::{
    CsvTable, IntervalRow, ParquetTable, ResourceRow, SessionRow, Sink, Table,
};

use crate::fail::{Done, Fail};

/// One table in both formats.
struct Both {
    csv: CsvTable<BufWriter<File>>,
    parquet: ParquetTable<BufWriter<File>>,
}

impl Both {
    fn create<T: Table>(folder: &Path, about: &[(String, String)]) -> io::Result<Self> {
        let file = |ending: &str| {
            let path = folder.join(format!("{}.{ending}", T::NAME));
            File::create(path).map(BufWriter::new)
        };
        Ok(Self {
            csv: CsvTable::new(file("csv")?, T::COLUMNS, about)?,
            parquet: ParquetTable::new(file("parquet")?, T::COLUMNS, about)?,
        })
    }

    fn add(&mut self, row: &impl Table) -> io::Result<()> {
        let values = row.values();
        self.csv.add(&values)?;
        self.parquet.add(&values)
    }

    fn finish(self) -> io::Result<()> {
        self.csv.finish()?;
        self.parquet.finish()
    }
}

/// The tables of one run.
pub(super) struct Tables {
    sessions: Both,
    intervals: Both,
    resources: Both,
    /// The first thing that went wrong; nothing is written after it.
    wrong: Option<io::Error>,
}

impl Tables {
    /// Begins the files of a run in a folder, which is made.
    pub(super) fn create(folder: &Path, about: &[(String, String)]) -> Done<Self> {
        let create = || {
            fs::create_dir_all(folder)?;
            Ok(Self {
                sessions: Both::create::<SessionRow>(folder, about)?,
                intervals: Both::create::<IntervalRow>(folder, about)?,
                resources: Both::create::<ResourceRow>(folder, about)?,
                wrong: None,
            })
        };
        create().map_err(|error: io::Error| cannot(folder, &error))
    }

    /// Writes what waits.
    pub(super) fn finish(self, folder: &Path) -> Done {
        let finish = || {
            if let Some(error) = self.wrong {
                return Err(error);
            }
            self.sessions.finish()?;
            self.intervals.finish()?;
            self.resources.finish()
        };
        finish().map_err(|error| cannot(folder, &error))
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.wrong.get_or_insert(error);
        }
    }
}

impl Sink for Tables {
    fn session(&mut self, row: &SessionRow) {
        if self.wrong.is_none() {
            let added = self.sessions.add(row);
            self.note(added);
        }
    }

    fn interval(&mut self, row: &IntervalRow) {
        if self.wrong.is_none() {
            let added = self.intervals.add(row);
            self.note(added);
        }
    }

    fn resource(&mut self, row: &ResourceRow) {
        if self.wrong.is_none() {
            let added = self.resources.add(row);
            self.note(added);
        }
    }
}

/// Writes a file whole or not at all, so that a run that was stopped leaves no half of it.
pub(super) fn write_whole(path: &Path, text: &str) -> Done {
    let beside = path.with_extension("part");
    let write = || {
        fs::write(&beside, text)?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| cannot(path, &error))
}

pub(super) fn cannot(path: &Path, error: &io::Error) -> Fail {
    Fail::failed(format!("{}: {error}", path.display()))
}
