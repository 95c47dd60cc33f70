//! Tables as comma-separated values (RFC 4180), after lines of `# key: value`.

use std::io::{self, Write};

use super::{Column, Value};

/// Writes a table as text, row by row.
#[derive(Debug)]
pub struct CsvTable<W> {
    to: W,
}

impl<W: Write> CsvTable<W> {
    /// Begins with what is known of the whole file, and the names of the columns.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut to: W, columns: &[Column], about: &[(String, String)]) -> io::Result<Self> {
        for (key, value) in about {
            // A reader that skips lines with a `#` must not see the rest of a value.
            for line in value.lines() {
                writeln!(to, "# {key}: {line}")?;
            }
        }
        let mut table = Self { to };
        let names: Vec<_> = columns.iter().map(|c| Value::Word(&c.name)).collect();
        table.add(&names)?;
        Ok(table)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, row: &[Value<'_>]) -> io::Result<()> {
        for (number, value) in row.iter().enumerate() {
            if number > 0 {
                self.to.write_all(b",")?;
            }
            match value {
                Value::Count(count) => write!(self.to, "{count}")?,
                Value::Number(number) => write!(self.to, "{number}")?,
                Value::Flag(flag) => write!(self.to, "{flag}")?,
                Value::Word(word) => self.word(word)?,
                Value::None => {}
            }
        }
        self.to.write_all(b"\n")
    }

    fn word(&mut self, word: &str) -> io::Result<()> {
        if word.contains(['"', ',', '\n', '\r']) || word.starts_with('#') {
            write!(self.to, "\"{}\"", word.replace('"', "\"\""))
        } else {
            self.to.write_all(word.as_bytes())
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}
