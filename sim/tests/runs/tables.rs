//! The tables as files.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use waybook_sim::results::{CsvTable, ParquetTable, SessionRow, Table};

use super::{run, star};

fn about() -> Vec<(String, String)> {
    vec![
        ("seed".to_owned(), "1".to_owned()),
        ("scenario".to_owned(), "name = \"x\"\nrun = {}".to_owned()),
    ]
}

#[test]
fn csv_and_parquet_hold_the_same_rows_and_say_where_they_come_from() {
    let (_, rows) = run(&star(&[]), 1);
    let mut text = Vec::new();
    let mut csv = CsvTable::new(&mut text, SessionRow::COLUMNS, &about()).unwrap();
    let mut bytes = Vec::new();
    let mut parquet = ParquetTable::new(&mut bytes, SessionRow::COLUMNS, &about()).unwrap();
    for row in &rows.sessions {
        csv.add(&row.values()).unwrap();
        parquet.add(&row.values()).unwrap();
    }
    csv.finish().unwrap();
    parquet.finish().unwrap();

    let text = String::from_utf8(text).unwrap();
    assert!(
        text.starts_with(
            "# seed: 1\n# scenario: name = \"x\"\n# scenario: run = {}\nsession,users,"
        )
    );
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let of_csv: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(of_csv.len(), rows.sessions.len());

    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let known = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    assert!(
        known
            .iter()
            .any(|pair| pair.key == "seed" && pair.value.as_deref() == Some("1"))
    );
    let of_parquet: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(of_parquet.len(), rows.sessions.len());
    for ((csv, parquet), row) in of_csv.iter().zip(&of_parquet).zip(&rows.sessions) {
        assert_eq!(csv[0], row.session.to_string());
        assert_eq!(parquet.get_long(0).unwrap().cast_unsigned(), row.session);
        assert_eq!(&csv[2], row.place.as_str());
        assert_eq!(parquet.get_string(2).unwrap(), &row.place);
        assert_eq!(parquet.get_double(5).unwrap(), row.asked);
        assert_eq!(csv[5].parse::<f64>().unwrap(), row.asked);
        assert_eq!(csv[8], row.quality.clone().unwrap_or_default());
        assert_eq!(parquet.get_string(8).ok(), row.quality.as_ref());
    }
}

/// Words that would break a line apart are quoted.
#[test]
fn hostile_words_stay_in_their_cell() {
    let (_, rows) = run(&star(&[]), 1);
    let mut row = rows.sessions[0].clone();
    row.title = "a,\"b\"\nc".to_owned();
    let mut text = Vec::new();
    let mut csv = CsvTable::new(&mut text, SessionRow::COLUMNS, &[]).unwrap();
    csv.add(&row.values()).unwrap();
    csv.finish().unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let read = reader.records().next().unwrap().unwrap();
    assert_eq!(&read[4], "a,\"b\"\nc");
}
