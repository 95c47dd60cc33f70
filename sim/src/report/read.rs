//! Tables of a run, read back row by row.

use std::io::{BufRead, BufReader, Read};

use csv::{Reader, ReaderBuilder, StringRecord};

/// A file that is not what it should be: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}{}: {what}", line.map(|n| format!(", line {n}")).unwrap_or_default(), column.as_ref().map(|c| format!(", column `{c}`")).unwrap_or_default())]
pub struct Unreadable {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The column, by its name.
    pub column: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// A table under its lines of `# key: value`.
pub(super) struct CsvFile<'a> {
    file: String,
    /// Lines before the names of the columns.
    before: u64,
    reader: Reader<Box<dyn BufRead + 'a>>,
    names: StringRecord,
    row: StringRecord,
    /// What the first lines say, a value's lines joined.
    pub(super) about: Vec<(String, String)>,
}

impl<'a> CsvFile<'a> {
    /// Reads what is known of the whole file, and the names of the columns.
    pub(super) fn open(file: &str, from: &'a mut dyn Read) -> Result<Self, Unreadable> {
        let wrong = |line: Option<u64>, what: String| Unreadable {
            file: file.to_owned(),
            line,
            column: None,
            what,
        };
        let mut from = BufReader::new(from);
        let mut about: Vec<(String, String)> = Vec::new();
        let mut before = 0;
        loop {
            let ahead = from.fill_buf().map_err(|e| wrong(None, e.to_string()))?;
            if ahead.first() != Some(&b'#') {
                break;
            }
            before += 1;
            let mut line = String::new();
            from.read_line(&mut line)
                .map_err(|e| wrong(Some(before), e.to_string()))?;
            let said = line.trim_end_matches(['\n', '\r']).strip_prefix("# ");
            let Some((key, value)) = said.and_then(|said| {
                said.split_once(": ").or_else(|| {
                    // An empty line of a value.
                    said.strip_suffix(':').map(|key| (key, ""))
                })
            }) else {
                let what = "a line before the table is not `# key: value`";
                return Err(wrong(Some(before), what.to_owned()));
            };
            match about.last_mut() {
                Some((last, text)) if last == key => {
                    text.push('\n');
                    text.push_str(value);
                }
                _ => about.push((key.to_owned(), value.to_owned())),
            }
        }
        let from: Box<dyn BufRead + 'a> = Box::new(from);
        let mut csv = Self {
            file: file.to_owned(),
            before,
            reader: ReaderBuilder::new().has_headers(false).from_reader(from),
            names: StringRecord::new(),
            row: StringRecord::new(),
            about,
        };
        if !csv.advance()? {
            return Err(csv.wrong(None, "there are no names of columns".to_owned()));
        }
        csv.names = std::mem::take(&mut csv.row);
        Ok(csv)
    }

    /// The number of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, Unreadable> {
        let found = self.names.iter().position(|column| column == name);
        found.ok_or_else(|| {
            let all: Vec<_> = self.names.iter().collect();
            let what = format!("there is no column `{name}`, but {}", all.join(", "));
            self.wrong(None, what)
        })
    }

    /// Goes on to the next row. False if there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Unreadable> {
        let read = self.reader.read_record(&mut self.row);
        read.map_err(|error| {
            let line = error.position().map(|at| at.line() + self.before);
            let what = match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => format!("{len} values, where there are {expected_len} columns"),
                csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            Unreadable {
                file: self.file.clone(),
                line,
                column: None,
                what,
            }
        })
    }

    /// A value of the row as it is written.
    pub(super) fn word(&self, column: usize) -> &str {
        self.row.get(column).unwrap_or_default()
    }

    /// A number of the row; none if there is nothing.
    pub(super) fn maybe(&self, column: usize) -> Result<Option<f64>, Unreadable> {
        let word = self.word(column);
        if word.is_empty() {
            return Ok(None);
        }
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.wrong(Some(column), format!("`{word}` is not a number"))),
        }
    }

    /// A number of the row.
    pub(super) fn number(&self, column: usize) -> Result<f64, Unreadable> {
        let number = self.maybe(column)?;
        number.ok_or_else(|| self.wrong(Some(column), "there is no number".to_owned()))
    }

    /// Yes or no.
    pub(super) fn flag(&self, column: usize) -> Result<bool, Unreadable> {
        let word = self.word(column);
        let what = || format!("`{word}` is neither `true` nor `false`");
        word.parse().map_err(|_| self.wrong(Some(column), what()))
    }

    fn wrong(&self, column: Option<usize>, what: String) -> Unreadable {
        let line = self.row.position().map(|at| at.line() + self.before);
        Unreadable {
            file: self.file.clone(),
            line: line.filter(|_| column.is_some()),
            column: column.and_then(|column| self.names.get(column).map(str::to_owned)),
            what,
        }
    }
}
