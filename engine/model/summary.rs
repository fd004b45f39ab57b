//! The table of layers, as Keras prints it.

use super::Sequential;
use super::build::BuiltLayer;
use crate::error::Result;
use crate::layers::Layer;

/// Least widths of the columns: Keras's.
const WIDTHS: [usize; 3] = [33, 24, 15];

impl Sequential {
    /// The layers with their output shapes and numbers of parameters, and the totals.
    ///
    /// # Errors
    /// If the shape of the input is not known yet.
    pub fn summary(&self) -> Result<String> {
        self.check_built("summary")?;
        let layers = self.layers.iter().zip(&self.built);
        let rows: Vec<[String; 3]> = layers.map(|(layer, built)| row(layer.as_ref(), built)).collect();
        let widths = [0, 1, 2].map(|i| {
            let longest = rows.iter().map(|row| row[i].chars().count() + 2).max().unwrap_or(0);
            longest.max(WIDTHS[i])
        });
        let [name, shape, count] = ["Layer (type)", "Output Shape", "Param #"].map(String::from);
        let mut text = format!("Model: \"{}\"\n", self.name);
        text += &rule(["┏", "━", "┳", "┓"], widths);
        text += &line("┃", &[name, shape, count], widths);
        text += &rule(["┡", "━", "╇", "┩"], widths);
        let lines: Vec<String> = rows.iter().map(|row| line("│", row, widths)).collect();
        text += &lines.join(&rule(["├", "─", "┼", "┤"], widths));
        text += &rule(["└", "─", "┴", "┘"], widths);
        Ok(text + &self.totals())
    }

    fn totals(&self) -> String {
        let total: usize = self.count_parameters();
        let layers = self.layers.iter().zip(&self.built);
        let learning: usize =
            layers.filter(|(layer, _)| layer.trainable()).map(|(_, built)| built.learning_count()).sum();
        let line = |what, count| format!(" {what} params: {} ({})\n", grouped(count), size(count));
        line("Total", total) + &line("Trainable", learning) + &line("Non-trainable", total - learning)
    }

    /// The number of all weights' elements; 0 before the model is built.
    pub fn count_parameters(&self) -> usize {
        self.built.iter().map(BuiltLayer::count).sum()
    }
}

fn row(layer: &dyn Layer, built: &BuiltLayer) -> [String; 3] {
    let sizes = built.output.iter().map(usize::to_string);
    let sizes: Vec<String> = std::iter::once("None".to_string()).chain(sizes).collect();
    let name = format!("{} ({})", layer.name(), layer.class_name());
    [name, format!("({})", sizes.join(", ")), grouped(built.count())]
}

fn rule([left, stroke, cross, right]: [&str; 4], widths: [usize; 3]) -> String {
    let strokes = widths.map(|width| stroke.repeat(width));
    format!("{left}{}{right}\n", strokes.join(cross))
}

fn line(bar: &str, [name, shape, count]: &[String; 3], [a, b, c]: [usize; 3]) -> String {
    let (a, b, c) = (a - 2, b - 2, c - 2);
    format!("{bar} {name:<a$} {bar} {shape:<b$} {bar} {count:>c$} {bar}\n")
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
