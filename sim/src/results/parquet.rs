//! Tables as Apache Parquet files.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Column, Kind, Value};

/// Rows that are written together.
const GROUP: usize = 1 << 16;

/// Writes a table, some ten thousand rows at a time.
#[derive(Debug)]
pub struct ParquetTable<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<(Column, Buffer)>,
    rows: usize,
}

/// The values of a column that wait to be written, and for each row whether it has one.
#[derive(Debug, Default)]
struct Buffer {
    counts: Vec<i64>,
    numbers: Vec<f64>,
    words: Vec<ByteArray>,
    flags: Vec<bool>,
    present: Vec<i16>,
}

impl<W: Write + Send> ParquetTable<W> {
    /// Begins a file with what is known of all of it.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(to: W, columns: &[Column], about: &[(String, String)]) -> io::Result<Self> {
        let about = about
            .iter()
            .map(|(k, v)| KeyValue::new(k.clone(), v.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_key_value_metadata(Some(about.collect()))
            .build();
        let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("row")
            .with_fields(fields)
            .build()?;
        Ok(Self {
            writer: SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?,
            columns: (columns.iter().cloned())
                .map(|column| (column, Buffer::default()))
                .collect(),
            rows: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, row: &[Value<'_>]) -> io::Result<()> {
        for ((_, buffer), value) in self.columns.iter_mut().zip(row) {
            buffer.add(*value);
        }
        self.rows += 1;
        if self.rows == GROUP {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what waits, and the end of the file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.writer.close()?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (column, buffer) in &mut self.columns {
            let writer = group.next_column()?.expect("as many as in the schema");
            std::mem::take(buffer).write(column, writer)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn field(column: &Column) -> Result<Arc<Type>, parquet::errors::ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Count => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Word => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    let repetition = match column.optional {
        true => Repetition::OPTIONAL,
        false => Repetition::REQUIRED,
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
        .map(Arc::new)
}

impl Buffer {
    fn add(&mut self, value: Value<'_>) {
        self.present.push(i16::from(value != Value::None));
        match value {
            // Nothing that is counted here comes near 2^63.
            Value::Count(count) => self.counts.push(count.cast_signed()),
            Value::Number(number) => self.numbers.push(number),
            Value::Word(word) => self.words.push(ByteArray::from(word)),
            Value::Flag(flag) => self.flags.push(flag),
            Value::None => {}
        }
    }

    fn write(self, column: &Column, mut to: SerializedColumnWriter<'_>) -> io::Result<()> {
        let present = column.optional.then_some(self.present.as_slice());
        match column.kind {
            Kind::Count => to
                .typed::<Int64Type>()
                .write_batch(&self.counts, present, None)?,
            Kind::Number => to
                .typed::<DoubleType>()
                .write_batch(&self.numbers, present, None)?,
            Kind::Word => to
                .typed::<ByteArrayType>()
                .write_batch(&self.words, present, None)?,
            Kind::Flag => to
                .typed::<BoolType>()
                .write_batch(&self.flags, present, None)?,
        };
        to.close()?;
        Ok(())
    }
}
