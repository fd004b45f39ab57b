//! Which classes are taken for which.

use std::path::Path;

use super::palette::Scale;
use super::picture::{Picture, Size};
use super::table::{Cell, Table};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

const LEAST_CELL_WIDTH: usize = 56;

/// Draws how many samples of each class (a row) were taken for each class (a column), and writes it to `path`, as PNG or
/// SVG as it ends. A cell is the darker the larger its share of its row.
///
/// `counts`, `[classes, classes]`, is what the metric `confusion_matrix` puts into the logs; `classes` are the names.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("confusion.svg");
/// use gradus::{Dense, Sequential, Tensor, model::plot::confusion_matrix};
/// let (x, y) = (Tensor::f32(&[4, 2], vec![0.5; 8])?, Tensor::u32(&[4], vec![0, 1, 2, 1])?);
/// let mut model = Sequential::new().add(Dense::new(3).activation("softmax"));
/// model.compile("sgd", "sparse_categorical_crossentropy", &["confusion_matrix"])?;
/// let logs = model.evaluate(&x, &y, None)?;
/// let counts = logs.table("confusion_matrix").expect("the metric is there");
/// confusion_matrix(&path, "Test", counts, &["cat", "dog", "owl"])?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `counts` is no square with a name for each of its rows, or the file cannot be written.
pub fn confusion_matrix(
    path: impl AsRef<Path>,
    title: &str,
    counts: &Tensor,
    classes: &[&str],
) -> Result<()> {
    picture(title, counts, classes)?.write(path)
}

/// The picture of [`confusion_matrix`].
pub(in crate::model) fn picture(title: &str, counts: &Tensor, classes: &[&str]) -> Result<Picture> {
    let number = classes.len();
    if number == 0 || counts.shape() != [number, number] {
        let remedy = "give the table of the metric confusion_matrix, and a name for each class";
        let (found, expected) = (format!("{:?}", counts.shape()), format!("[{number}, {number}]"));
        return Err(Error::shape("plot", "counts", found, expected, remedy));
    }
    let counts = counts.to_f32();
    let widest = counts.iter().map(|count| Size::Small.width(&count.to_string())).max().unwrap_or(0);
    let cell_width = LEAST_CELL_WIDTH.max(widest + 2 * Size::Small.advance());
    let table = Table { title, labels: ["taken for", "class"], columns: classes, rows: classes, cell_width };
    Ok(table.draw(|row, column| {
        let row = &counts[row * number..][..number];
        // A class without samples has no shares.
        let total = row.iter().sum::<f32>().max(1.0);
        let share = f64::from(row[column] / total);
        Cell { text: row[column].to_string(), color: Scale::Blues.color(share) }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_names_are_written_and_shares_coloured() -> anyhow::Result<()> {
        let counts = Tensor::f32(&[3, 3], vec![6.0, 2.0, 0.0, 0.0, 1234.0, 0.0, 0.0, 0.0, 0.0])?;
        let names = ["cat", "a dog & a <wolf>", "owl"];
        let picture = picture("Test", &counts, &names)?;
        let svg = picture.svg()?;
        let document = roxmltree::Document::parse(&svg)?;
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        for text in ["Test", "taken for", "class", "cat", "a dog & a <wolf>", "6", "1234"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        let fills: Vec<&str> = document.descendants().filter_map(|node| node.attribute("fill")).collect();
        for (share, cells) in [(0.75, 1), (0.25, 1), (1.0, 1), (0.0, 6)] {
            let [red, green, blue] = Scale::Blues.color(share);
            let color = format!("#{red:02x}{green:02x}{blue:02x}");
            assert_eq!(fills.iter().filter(|fill| **fill == color).count(), cells, "{share}");
        }
        Ok(())
    }

    #[test]
    fn ten_classes_with_long_names_fit_on_a_page() -> anyhow::Result<()> {
        let names = [
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Boot",
        ];
        let picture = picture("Fashion", &Tensor::f32(&[10, 10], vec![1000.0; 100])?, &names)?;
        assert!(picture.width <= 800, "{}", picture.width);
        Ok(())
    }

    #[test]
    fn tables_without_a_name_for_each_class_are_refused() -> Result<()> {
        let counts = Tensor::f32(&[2, 2], vec![1.0; 4])?;
        let message = picture("t", &counts, &["a"]).unwrap_err().to_string();
        assert!(message.contains("[2, 2], expected [1, 1]"), "{message}");
        Ok(())
    }
}
