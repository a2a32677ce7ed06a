//! Comma-separated values (RFC 4180, and what is sent under that name), as a list of rows.

use std::collections::{HashMap, HashSet};

use csv::{Position, ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::Unreadable;
use super::room::Room;
use crate::config::{CsvHeader, CsvRules};

/// Cells of one row.
const MOST_COLUMNS: usize = 4_096;

/// Bytes of one cell: more is a quote that nobody closed.
const MOST_CELL: usize = 1024 * 1024;

const HINT: &str = "Check response.csv: its delimiter, and whether the first row is the header.";

/// Reads rows. With a header each is an object of texts, without one a list of texts.
pub(super) fn read(text: &str, rules: &CsvRules) -> Result<Value, Unreadable> {
    if looks_like_json(text) {
        return Err(Unreadable::new(
            "it is a JSON document",
            "The upstream may tell an error so: response.errors can read it. Else set response.format to \"json\".",
        ));
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(rules.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut room = Room::full();
    let mut names = match &rules.header {
        CsvHeader::FirstRow | CsvHeader::None => None,
        CsvHeader::Names(names) => Some(names.clone()),
    };
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while next(&mut reader, &mut record)? {
        room.container()?;
        match (&names, &rules.header) {
            (Some(names), _) => rows.push(object(names, &record, &mut room)?),
            (None, CsvHeader::FirstRow) => names = Some(header(&record)),
            (None, CsvHeader::None | CsvHeader::Names(_)) => rows.push(list(&record, &mut room)?),
        }
    }
    Ok(Value::Array(rows))
}

/// APIs that answer CSV tell their errors in JSON.
fn looks_like_json(text: &str) -> bool {
    let start = text.trim_start();
    start.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(start).is_ok()
}

/// Reads the next record; false at the end.
fn next(reader: &mut csv::Reader<&[u8]>, record: &mut StringRecord) -> Result<bool, Unreadable> {
    let more = reader.read_record(record).map_err(|error| {
        let line = error.position().map_or(0, Position::line);
        Unreadable::new(format!("line {line} cannot be read"), HINT)
    })?;
    let wrong = if record.len() > MOST_COLUMNS {
        format!("has more than {MOST_COLUMNS} cells")
    } else if record.iter().any(|cell| cell.len() > MOST_CELL) {
        "has a cell of more than 1 MB, such as one whose quote is not closed".to_owned()
    } else {
        return Ok(more);
    };
    Err(Unreadable::new(format!("{} {wrong}", place(record)), HINT))
}

fn place(record: &StringRecord) -> String {
    format!("line {}", record.position().map_or(0, Position::line))
}

/// The names of the columns: none is empty, none stands twice.
fn header(record: &StringRecord) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(record.len());
    for (index, cell) in record.iter().enumerate() {
        let stated = match cell.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        };
        let mut name = stated.clone();
        while !taken.insert(name.clone()) {
            let number = numbers.entry(stated.clone()).or_insert(1);
            *number += 1;
            name = format!("{stated}_{number}");
        }
        names.push(name);
    }
    names
}

/// A row by its columns' names. Cells that a short row lacks are absent; empty ones too many are passed over.
fn object(names: &[String], record: &StringRecord, room: &mut Room) -> Result<Value, Unreadable> {
    if record.iter().skip(names.len()).any(|cell| !cell.is_empty()) {
        let message = format!(
            "{} has {} cells, but there are {} columns",
            place(record),
            record.len(),
            names.len()
        );
        return Err(Unreadable::new(message, HINT));
    }
    let mut row = Map::with_capacity(names.len().min(record.len()));
    for (name, cell) in names.iter().zip(record) {
        room.member(name, cell.len())?;
        row.insert(name.clone(), cell.into());
    }
    Ok(Value::Object(row))
}

fn list(record: &StringRecord, room: &mut Room) -> Result<Value, Unreadable> {
    let mut row = Vec::with_capacity(record.len());
    for cell in record {
        room.element(cell.len())?;
        row.push(cell.into());
    }
    Ok(Value::Array(row))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(delimiter: u8, header: CsvHeader) -> CsvRules {
        CsvRules { delimiter, header }
    }

    #[test]
    fn rows_are_read_by_their_header() {
        for (text, rows) in [
            ("", json!([])),
            ("a,b\n", json!([])),
            (
                "a,b\r\n1,2\r\n\r\n3,\r\n",
                json!([{"a": "1", "b": "2"}, {"a": "3", "b": ""}]),
            ),
            (
                "a,b\n\"x,\"\"y\"\"\nz\",2",
                json!([{"a": "x,\"y\"\nz", "b": "2"}]),
            ),
            (
                " a ,,a,a\n1,2,3,4",
                json!([{"a": "1", "column_2": "2", "a_2": "3", "a_3": "4"}]),
            ),
            ("a,b\n1\n1,2,,\n", json!([{"a": "1"}, {"a": "1", "b": "2"}])),
            ("a\n007\n", json!([{"a": "007"}])),
        ] {
            assert_eq!(read(text, &CsvRules::default()), Ok(rows), "{text}");
        }
    }

    #[test]
    fn delimiter_and_header_are_as_stated() {
        let names = CsvHeader::Names(vec!["day".to_owned(), "price".to_owned()]);
        for (text, rules, rows) in [
            (
                "a;b\n1,5;2\n",
                rules(b';', CsvHeader::FirstRow),
                json!([{"a": "1,5", "b": "2"}]),
            ),
            (
                "1\t2\n3\n",
                rules(b'\t', CsvHeader::None),
                json!([["1", "2"], ["3"]]),
            ),
            (
                "1,2\n",
                rules(b',', names),
                json!([{"day": "1", "price": "2"}]),
            ),
        ] {
            assert_eq!(read(text, &rules), Ok(rows), "{text}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let long = format!("a\n\"{}", "x".repeat(2 << 20));
        let wide = ",".repeat(5_000);
        let many = format!("{}\n{}", "n".repeat(4_000), "x\n".repeat(100_000));
        for (text, why) in [
            (
                "a,b\n1,2\n1,2,3\n",
                "line 3 has 3 cells, but there are 2 columns",
            ),
            ("{\"Information\": \"limit reached\"}", "JSON"),
            (&long, "line 2 has a cell of more than 1 MB"),
            (&wide, "line 1 has more than 4096 cells"),
            (&many, "megabytes"),
        ] {
            let unreadable = read(text, &CsvRules::default()).unwrap_err();
            assert!(unreadable.message.contains(why), "{unreadable:?}");
        }
        assert!(read("[x],y\n1,2", &CsvRules::default()).is_ok());
    }

    #[test]
    fn many_columns_of_one_name_are_quickly_told_apart() {
        let text = format!("{}\n", vec!["a"; 4_000].join(","));
        assert_eq!(read(&text, &CsvRules::default()), Ok(json!([])));
    }
}
