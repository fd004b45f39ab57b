//! Tables of numbers.

use std::path::Path;

use ::csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::{Error, Result};
use crate::formats::read_file;
use crate::tensor::Tensor;

/// Reads a table of numbers: `[rows, columns]`, separated by commas. A first row that is not all numbers is a
/// header and left out. A single column of whole numbers from 0 on becomes `u32` labels, all else `f32`. For columns by
/// name, and labels beside features, there is [`Table`](crate::data::Table).
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.csv");
/// std::fs::write(&path, "length,width\n5.1,3.5\n6.3,3.3\n4.9,3.0\n").unwrap();
/// assert_eq!(gradus::data::read_csv(&path)?.shape(), [3, 2]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] with row and column if a cell is no number, if rows differ in length, or if there are none.
pub fn read_csv(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    parse_csv(path, &read_file(path)?)
}

fn parse_csv(path: &Path, file: &[u8]) -> Result<Tensor> {
    let failed = |problem: String| {
        Error::file(path, problem, "give a table of numbers, separated by commas, all rows of one length")
    };
    let mut reader = ReaderBuilder::new().has_headers(false).trim(Trim::All).from_reader(file);
    let (mut columns, mut values) = (0, Vec::new());
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| failed(error.to_string()))?;
        columns = record.len();
        if row == 0 && record.iter().any(|cell| cell.parse::<f64>().is_err()) {
            continue;
        }
        push_row(&record, row, &mut values).map_err(failed)?;
    }
    if values.is_empty() {
        return Err(failed("holds no numbers".into()));
    }
    let shape = [values.len() / columns, columns];
    let is_label = |value: f64| value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0;
    if columns == 1 && values.iter().all(|&value| is_label(value)) {
        return Tensor::u32(&shape, values.into_iter().map(|value| value as u32).collect());
    }
    Tensor::f32(&shape, values.into_iter().map(|value| value as f32).collect())
}

fn push_row(record: &StringRecord, row: usize, values: &mut Vec<f64>) -> Result<(), String> {
    for (column, cell) in record.iter().enumerate() {
        let value = cell.parse().map_err(|_| {
            format!("has {cell:?} in row {}, column {}, which is no number", row + 1, column + 1)
        })?;
        values.push(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tensor> {
        parse_csv(Path::new("table.csv"), text.as_bytes())
    }

    #[test]
    fn headers_are_left_out_and_labels_are_integers() -> Result<()> {
        assert_eq!(parse("1,2.5\n-3, 4e1\n")?, Tensor::f32(&[2, 2], vec![1.0, 2.5, -3.0, 40.0])?);
        assert_eq!(parse("\"a, b\",c\r\n1,2\r\n")?, Tensor::f32(&[1, 2], vec![1.0, 2.0])?);
        assert_eq!(parse("y\n2\n0\n")?, Tensor::u32(&[2, 1], vec![2, 0])?);
        assert_eq!(parse("2\n-1\n")?, Tensor::f32(&[2, 1], vec![2.0, -1.0])?);
        Ok(())
    }

    #[test]
    fn what_is_no_table_of_numbers_is_named() {
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        assert!(refused("a,b\n1,x\n").contains("\"x\" in row 2, column 2"));
        assert!(refused("1,2\n3\n").contains("table.csv"));
        assert!(refused("a,b\n").contains("holds no numbers"));
    }
}
