//! Tables with named columns: features and a label for each row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ::csv::{ReaderBuilder, StringRecord, Trim};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::formats::read_file;
use crate::tensor::Tensor;

/// A CSV file whose columns are features and a label. It is read as a whole.
///
/// ```
/// use gradus::data::Table;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("flowers.csv");
/// # std::fs::write(&path, "length,width,kind\n5.1,3.5,setosa\n6.3,3.3,virginica\n4.9,3.0,setosa\n").unwrap();
/// // length,width,kind
/// // 5.1,3.5,setosa
/// // …
/// let flowers = Table::new(&path).label("kind").open()?;
/// assert_eq!(flowers.columns()[0].row, [2]);
/// assert_eq!(flowers.class_names(), ["setosa", "virginica"]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    features: Option<Vec<String>>,
    label: Option<String>,
    header: bool,
    delimiter: u8,
}

impl Table {
    /// The table at `path`, whose first row names the columns.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().into(), features: None, label: None, header: true, delimiter: b',' }
    }

    /// The column that holds the labels. Texts become numbers of classes in the order of the sorted texts; whole numbers
    /// from 0 on are numbers of classes already; other numbers stay floats, `[rows, 1]`. Default none.
    pub fn label(mut self, column: &str) -> Self {
        self.label = Some(column.into());
        self
    }

    /// The columns that are features, in this order. Default all but the label.
    pub fn features(mut self, columns: &[&str]) -> Self {
        self.features = Some(columns.iter().map(|&column| column.into()).collect());
        self
    }

    /// Whether the first row names the columns; else they are called `0`, `1` and so on. Default true.
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// What stands between two cells. Default a comma.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Reads the table: features `[rows, columns]` as floats.
    ///
    /// # Errors
    /// [`Error::File`] if it is missing, has no rows or no such column, or with row and column of the first cell of a feature
    /// that is no number.
    pub fn open(&self) -> Result<Dataset> {
        let file = read_file(&self.path)?;
        let mut reader = ReaderBuilder::new()
            .has_headers(self.header)
            .delimiter(self.delimiter)
            .trim(Trim::All)
            .from_reader(file.as_slice());
        let failed = |error: ::csv::Error| self.failed(error.to_string());
        let mut names: Vec<String> = Vec::new();
        if self.header {
            names = reader.headers().map_err(failed)?.iter().map(String::from).collect();
        }
        let rows: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().map_err(failed)?;
        let Some(first) = rows.first() else { return Err(self.failed("has no rows".into())) };
        if !self.header {
            names = (0..first.len()).map(|i| i.to_string()).collect();
        }
        let label = self.label.as_ref().map(|name| self.column(&names, name)).transpose()?;
        let features = self.feature_columns(&names, label)?;
        let x = Tensor::f32(&[rows.len(), features.len()], self.numbers(&rows, &names, &features)?)?;
        match label {
            None => Dataset::new([x], []),
            Some(label) => {
                let (y, classes) = self.labels(&rows, &names, label)?;
                Ok(Dataset::new([x], [y])?.with_classes(classes))
            }
        }
    }

    fn feature_columns(&self, names: &[String], label: Option<usize>) -> Result<Vec<usize>> {
        let features: Vec<usize> = match &self.features {
            Some(features) => features.iter().map(|name| self.column(names, name)).collect::<Result<_>>()?,
            None => (0..names.len()).filter(|&column| Some(column) != label).collect(),
        };
        if features.is_empty() {
            return Err(self.failed("has no column left for features".into()));
        }
        Ok(features)
    }

    fn column(&self, names: &[String], name: &str) -> Result<usize> {
        names.iter().position(|known| known == name).ok_or_else(|| {
            let remedy = format!("it has {}", names.join(", "));
            Error::file(&self.path, format!("has no column {name:?}"), remedy)
        })
    }

    /// The cells of `columns`, row by row.
    fn numbers(&self, rows: &[StringRecord], names: &[String], columns: &[usize]) -> Result<Vec<f32>> {
        let mut numbers = Vec::with_capacity(rows.len() * columns.len());
        for (row, record) in rows.iter().enumerate() {
            for &column in columns {
                let cell = &record[column];
                let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
                numbers.push(number.ok_or_else(|| {
                    // As an editor counts lines, the header among them.
                    let line = record.position().map_or(row as u64 + 1, ::csv::Position::line);
                    let name = &names[column];
                    self.failed(format!(
                        "has {cell:?} in line {line}, column {name:?}, which is no finite number"
                    ))
                })?);
            }
        }
        Ok(numbers)
    }

    /// The labels, and what they mean if they are texts.
    fn labels(
        &self,
        rows: &[StringRecord],
        names: &[String],
        column: usize,
    ) -> Result<(Tensor, Vec<String>)> {
        let cells: Vec<&str> = rows.iter().map(|record| &record[column]).collect();
        if cells.iter().all(|cell| cell.parse::<f32>().is_ok()) {
            let whole: Result<Vec<u32>, _> = cells.iter().map(|cell| cell.parse::<u32>()).collect();
            return match whole {
                Ok(numbers) => Ok((Tensor::u32(&[rows.len()], numbers)?, Vec::new())),
                Err(_) => {
                    let numbers = self.numbers(rows, names, &[column])?;
                    Ok((Tensor::f32(&[rows.len(), 1], numbers)?, Vec::new()))
                }
            };
        }
        let classes: Vec<&str> = cells.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let number = |cell: &&str| classes.partition_point(|class| class < cell) as u32;
        let numbers = cells.iter().map(number).collect();
        let classes = classes.into_iter().map(String::from).collect();
        Ok((Tensor::u32(&[rows.len()], numbers)?, classes))
    }

    fn failed(&self, problem: String) -> Error {
        let remedy = "give a table with as many cells in every row, numbers in the columns of features";
        Error::file(&self.path, problem, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str, change: impl Fn(Table) -> Table) -> anyhow::Result<Dataset> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        std::fs::write(&path, text)?;
        Ok(change(Table::new(&path)).open()?)
    }

    #[test]
    fn columns_are_taken_by_name_and_texts_become_classes() -> anyhow::Result<()> {
        let text = "a,kind,b\n1,cat,2\n3,ant,4\n5,cat,6\n";
        let data = opened(text, |table| table.label("kind"))?;
        let columns = data.read(&[0, 1, 2])?;
        assert_eq!(columns[0], Tensor::f32(&[3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?);
        assert_eq!(columns[1], Tensor::u32(&[3], vec![1, 0, 1])?);
        assert_eq!(data.class_names(), ["ant", "cat"]);
        let data = opened(text, |table| table.features(&["b"]).label("a"))?;
        assert_eq!(data.read(&[2])?, [Tensor::f32(&[1, 1], vec![6.0])?, Tensor::u32(&[1], vec![5])?]);
        let data = opened("1;0.5\n2;1\n", |table| table.header(false).delimiter(b';').label("1"))?;
        assert_eq!(data.read(&[0])?[1], Tensor::f32(&[1, 1], vec![0.5])?);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_column() {
        let refused =
            |text: &str, label: &str| opened(text, |table| table.label(label)).unwrap_err().to_string();
        let message = refused("a,y\n1,0\nx,1\n", "y");
        assert!(message.contains("\"x\" in line 3, column \"a\""), "{message}");
        assert!(refused("a,y\nNaN,1\n", "y").contains("no finite number"));
        let message = refused("a,y\n1,0\n", "z");
        assert!(message.contains("no column \"z\": it has a, y"), "{message}");
        assert!(refused("a,y\n", "y").contains("has no rows"));
        assert!(refused("a,y\n1\n", "y").contains("table.csv"));
        assert!(refused("y\n1\n", "y").contains("no column left"));
    }
}
