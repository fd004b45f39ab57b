//! The table of layers, as Keras prints it.

use super::build::BuiltLayer;
use super::network::Model;
use crate::error::Result;
use crate::layers::Layer;
use crate::layers::network::{leaf_count, leaf_counts};

/// Least widths of the columns: Keras's.
const WIDTHS: [usize; 3] = [33, 24, 15];
/// The same where a column says what a layer is called on.
const CONNECTED_WIDTHS: [usize; 4] = [23, 19, 12, 19];

impl Model {
    /// The layers, models among them as one each, with their output shapes and numbers of parameters, what each is called on unless they stand in a
    /// row, and the totals: the table that Keras prints. `None` in a shape is the number of samples.
    ///
    /// ```
    /// use gradus::{Dense, Sequential};
    /// let mut model = Sequential::new().add(Dense::new(16).activation("relu")).add(Dense::new(3));
    /// model.build(&[4])?;
    /// let table = model.summary()?;
    /// assert!(table.contains("(None, 16)"), "{table}");
    /// // 4·16 + 16 and 16·3 + 3.
    /// assert!(table.contains("Total params: 131"), "{table}");
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Order`](crate::Error::Order) if the shape of the input is not known yet: call `build`, or `fit` first.
    pub fn summary(&self) -> Result<String> {
        self.check_built("summary")?;
        let head = ["Layer (type)", "Output Shape", "Param #", "Connected to"].map(String::from).to_vec();
        let mut rows: Vec<Vec<String>> = self
            .network
            .inputs
            .iter()
            .zip(&self.shapes)
            .map(|(port, shape)| {
                vec![format!("{} (InputLayer)", port.name), shown(shape), "0".into(), "-".into()]
            })
            .collect();
        rows.extend((0..self.network.layers.len()).map(|number| self.row(number)));
        let in_a_row = self.network.is_row();
        let first = if in_a_row { self.network.inputs.len() } else { 0 };
        let (columns, least) = if in_a_row { (3, &WIDTHS[..]) } else { (4, &CONNECTED_WIDTHS[..]) };
        let rows: Vec<&[String]> = rows[first..].iter().map(|row| &row[..columns]).collect();
        let widths: Vec<usize> = (0..columns)
            .map(|i| {
                let longest = rows.iter().map(|row| row[i].chars().count() + 2).max().unwrap_or(0);
                longest.max(least[i])
            })
            .collect();
        let mut text = format!("Model: \"{}\"\n", self.network.name());
        text += &rule(["┏", "━", "┳", "┓"], &widths);
        text += &line("┃", &head[..columns], &widths);
        text += &rule(["┡", "━", "╇", "┩"], &widths);
        let lines: Vec<String> = rows.iter().map(|row| line("│", row, &widths)).collect();
        text += &lines.join(&rule(["├", "─", "┼", "┤"], &widths));
        text += &rule(["└", "─", "┴", "┘"], &widths);
        Ok(text + &self.totals())
    }

    /// Layer `number`; a model is one too.
    fn row(&self, number: usize) -> Vec<String> {
        let network = &self.network;
        let layer = network.layers[number].as_ref();
        let name = format!("{} ({})", layer.name(), layer.class_name());
        let calls: Vec<_> = network.calls.iter().filter(|call| call.layer == number).collect();
        let outputs = calls.first().map_or(&[][..], |call| &self.shapes[call.values()]);
        let sources: Vec<&str> =
            calls.iter().flat_map(|call| &call.inputs).map(|&value| network.value_name(value)).collect();
        let first = leaf_counts(&network.layers[..number]).sum();
        let built = self.built[first..].iter().take(leaf_count(layer));
        vec![name, shown_all(outputs), grouped(built.map(BuiltLayer::count).sum()), sources.join(", ")]
    }

    fn totals(&self) -> String {
        let total: usize = self.count_parameters();
        let leaves = self.network.leaves().into_iter().zip(&self.built);
        let learning: usize =
            leaves.filter(|(leaf, _)| leaf.learns).map(|(_, built)| built.learning_count()).sum();
        let line = |what, count| format!(" {what} params: {} ({})\n", grouped(count), size(count));
        line("Total", total) + &line("Trainable", learning) + &line("Non-trainable", total - learning)
    }

    /// The number of all weights' elements; 0 before the model is built.
    pub fn count_parameters(&self) -> usize {
        self.built.iter().map(BuiltLayer::count).sum()
    }
}

/// One shape, or a list of several.
fn shown_all(shapes: &[Vec<usize>]) -> String {
    let all: Vec<String> = shapes.iter().map(|shape| shown(shape)).collect();
    if all.len() == 1 { all.concat() } else { format!("[{}]", all.join(", ")) }
}

/// `(None, 28, 28)`
fn shown(shape: &[usize]) -> String {
    let sizes = shape.iter().map(usize::to_string);
    let sizes: Vec<String> = std::iter::once("None".to_string()).chain(sizes).collect();
    format!("({})", sizes.join(", "))
}

fn rule([left, stroke, cross, right]: [&str; 4], widths: &[usize]) -> String {
    let strokes: Vec<String> = widths.iter().map(|&width| stroke.repeat(width)).collect();
    format!("{left}{}{right}\n", strokes.join(cross))
}

/// One line of the table; the number of parameters stands on the right of its column.
fn line(bar: &str, cells: &[String], widths: &[usize]) -> String {
    let cell = |(i, (cell, width)): (usize, (&String, &usize))| {
        let width = width - 2;
        if i == 2 { format!(" {cell:>width$} {bar}") } else { format!(" {cell:<width$} {bar}") }
    };
    let cells: String = cells.iter().zip(widths).enumerate().map(cell).collect();
    format!("{bar}{cells}\n")
}

/// `182,950`
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What so many floats weigh: `714.65 KB`.
fn size(count: usize) -> String {
    let mut bytes = (count * 4) as f64;
    for unit in ["B", "KB", "MB"] {
        if bytes < 1024.0 {
            return format!("{bytes:.2} {unit}");
        }
        bytes /= 1024.0;
    }
    format!("{bytes:.2} GB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
    use crate::model::Sequential;

    #[test]
    fn signs_cnn_has_the_numbers_of_the_course() -> Result<()> {
        let mut model = Sequential::new()
            .add(Conv2D::new(32, (3, 3)).activation("relu"))
            .add(Conv2D::new(32, (3, 3)).activation("relu"))
            .add(MaxPooling2D::new((2, 2)))
            .add(Flatten::new())
            .add(Dense::new(6).activation("softmax"));
        model.build(&[64, 64, 3])?;
        let text = model.summary()?;
        let mut lines = text.lines();
        for row in [
            ["conv2d (Conv2D)", "(None, 62, 62, 32)", "896"],
            ["conv2d_1 (Conv2D)", "(None, 60, 60, 32)", "9,248"],
            ["max_pooling2d (MaxPooling2D)", "(None, 30, 30, 32)", "0"],
            ["flatten (Flatten)", "(None, 28800)", "0"],
            ["dense (Dense)", "(None, 6)", "172,806"],
        ] {
            let found = lines.find(|line| line.contains(row[0])).expect(row[0]);
            let cells: Vec<&str> = found.split('│').map(str::trim).collect();
            assert_eq!(cells[1..4], row);
        }
        assert!(text.contains(" Total params: 182,950 (714.65 KB)\n"), "{text}");
        assert!(text.contains(" Non-trainable params: 0 (0.00 B)\n"), "{text}");
        let widths: std::collections::BTreeSet<usize> =
            text.lines().skip(1).take(11).map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 1, "{text}");
        Ok(())
    }

    #[test]
    fn a_summary_needs_shapes() {
        let model = Sequential::new().add(Dense::new(1));
        assert!(model.summary().unwrap_err().to_string().contains("build"));
    }
}
