//! A training on one page.

mod page;

use std::fmt::Display;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::history::{History, Logs};
use super::network::Model;
use super::plot::{self, Picture};
use crate::error::Result;
use crate::formats::write_file;
use crate::tensor::Tensor;
use page::{Part, date};

/// A page of HTML on a run: summary, curves, confusion matrices, filters, options and environment. It holds its pictures
/// itself and needs no network. [`Model::report`] begins one.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("report.html");
/// use gradus::{Dense, FitOptions, Sequential, Tensor};
/// let (x, y) = (Tensor::f32(&[6, 2], vec![0.5; 12])?, Tensor::u32(&[6], vec![0, 1, 2, 0, 1, 2])?);
/// let mut model = Sequential::new().add(Dense::new(3).activation("softmax"));
/// model.compile("adam", "sparse_categorical_crossentropy", &["accuracy", "confusion_matrix"])?;
/// let history = model.fit(&x, &y, FitOptions::new().epochs(2).verbose(0))?;
/// let test = model.evaluate(&x, &y, None)?;
/// model
///     .report("Three classes")?
///     .option("epochs", 2)
///     .classes(&["cat", "dog", "owl"])
///     .history(&history)?
///     .evaluation("Test", &test)?
///     .write(&path)?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunReport {
    title: String,
    options: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    classes: Vec<String>,
    summary: String,
    parts: Vec<Part>,
    filters: Option<Part>,
}

impl Model {
    /// Begins the report of a run: with the model's summary and compile settings, its device, and the filters of its first
    /// two-dimensional convolution. The model must be built.
    ///
    /// # Errors
    /// If the model is not built, its weights are not finite, or the device is not there.
    pub fn report(&mut self, title: &str) -> Result<RunReport> {
        let summary = self.summary()?;
        let weights = self.get_weights()?;
        let names = self.named_weights().into_iter();
        let first = names.zip(&weights).find(|((_, w), _)| w.name == "kernel" && w.shape.len() == 4);
        let filters = first.map(|((layer, _), kernel)| filters(&layer, kernel)).transpose()?;
        let mut options = vec![("seed".to_string(), self.seed.to_string())];
        // With several optimizers there are no settings of the kind.
        if let Some(Value::Object(config)) = self.compile_config().unwrap_or_default() {
            let given = config.into_iter().filter(|(_, value)| !value.is_null());
            options.extend(given.map(|(name, value)| (name, words(&value))));
        }
        let environment = self.environment()?;
        let (title, parts, classes) = (title.to_string(), Vec::new(), Vec::new());
        Ok(RunReport { title, options, environment, classes, summary, parts, filters })
    }

    /// What a run depends on beside the model.
    fn environment(&mut self) -> Result<Vec<(String, String)>> {
        let device = self.describe_device()?;
        let driver = self.session.as_ref().and_then(|session| session.opened.driver());
        let threads = std::thread::available_parallelism().map_or("unknown".to_string(), |n| n.to_string());
        let system = format!("{}, {}", std::env::consts::OS, std::env::consts::ARCH);
        let mut rows = vec![("device", device)];
        rows.extend(driver.map(|driver| ("driver", driver)));
        rows.extend([
            ("gradus", env!("CARGO_PKG_VERSION").to_string()),
            ("system", system),
            ("processor threads", threads),
            ("written", date(SystemTime::now())),
        ]);
        Ok(rows.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

/// A setting for people: `Adam(beta_1=0.9, …)` without what is not set.
fn words(setting: &Value) -> String {
    match setting {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            let options = object.get("config").and_then(Value::as_object).into_iter().flatten();
            let set = options.filter(|(name, value)| !value.is_null() && *name != "name");
            let set: Vec<String> = set.map(|(name, value)| format!("{name}={}", words(value))).collect();
            format!("{}({})", object.get("class_name").map(words).unwrap_or_default(), set.join(", "))
        }
        other => other.to_string(),
    }
}

/// The picture of the kernel of `layer`.
fn filters(layer: &str, kernel: &Tensor) -> Result<Part> {
    let picture = plot::filter_picture(layer, kernel)?;
    Part::new("Filters of the first convolution").picture(&picture)
}

impl RunReport {
    /// What else the run was told, such as `("epochs", 100)`. An option of the same name is replaced.
    pub fn option(mut self, name: &str, value: impl Display) -> Self {
        self.options.retain(|(known, _)| known != name);
        self.options.push((name.to_string(), value.to_string()));
        self
    }

    /// The names of the classes, for the confusion matrices that come behind. By default their numbers.
    pub fn classes(mut self, names: &[&str]) -> Self {
        self.classes = names.iter().map(|name| name.to_string()).collect();
        self
    }

    /// The course of the training: the numbers of its last epoch, a picture for each of them over all epochs, and its last
    /// confusion matrices.
    ///
    /// # Errors
    /// If there are other classes than names.
    pub fn history(mut self, history: &History) -> Result<Self> {
        let Some(last) = history.epochs().last() else { return Ok(self) };
        let mut part =
            Part::new("Training").numbers(&format!("after {} epochs", history.epochs().len()), last);
        for (_, picture) in plot::history_pictures(&self.title, history) {
            part = part.picture(&picture)?;
        }
        self.parts.push(self.confusions(part, last)?);
        Ok(self)
    }

    /// What an evaluation found, called `name`: its numbers and its confusion matrices.
    ///
    /// # Errors
    /// If there are other classes than names.
    pub fn evaluation(mut self, name: &str, logs: &Logs) -> Result<Self> {
        self.parts.push(self.confusions(Part::new(name).numbers("found", logs), logs)?);
        Ok(self)
    }

    /// `part` with all confusion matrices of `logs`.
    fn confusions(&self, mut part: Part, logs: &Logs) -> Result<Part> {
        for (name, counts) in logs.tables().filter(|(name, _)| name.ends_with("confusion_matrix")) {
            let numbers: Vec<String> = (0..counts.rows()).map(|i| i.to_string()).collect();
            let names = if self.classes.is_empty() { &numbers } else { &self.classes };
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            part = part.picture(&plot::confusion_picture(name, counts, &names)?)?;
        }
        Ok(part)
    }

    /// The page.
    pub fn to_html(&self) -> String {
        page::draw(self)
    }

    /// Writes the page to `path`, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path, self.to_html().as_bytes())
    }
}

impl Part {
    fn picture(mut self, picture: &Picture) -> Result<Self> {
        self.pictures.push(picture.svg()?);
        Ok(self)
    }

    fn numbers(mut self, caption: &str, logs: &Logs) -> Self {
        self.caption = caption.to_string();
        self.numbers = logs.iter().map(|(name, value)| (name.to_string(), value)).collect();
        self
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::layers::{Conv2D, Dense, Flatten};
    use crate::model::{Device, FitOptions, Sequential};

    #[test]
    fn the_page_is_whole_and_holds_the_numbers() -> anyhow::Result<()> {
        let x = Tensor::f32(&[12, 5, 5, 1], (0..300).map(|i| (i as f32 * 0.7).sin()).collect())?;
        let y = Tensor::u32(&[12], (0..12).map(|i| i % 2).collect())?;
        let mut model = Sequential::new().add(Conv2D::new(2, 3)).add(Flatten::new());
        model = model.add(Dense::new(2).activation("softmax")).seed(77).device(Device::cpu());
        model.compile("adam", "sparse_categorical_crossentropy", &["accuracy", "confusion_matrix"])?;
        let history = model.fit(&x, &y, FitOptions::new().epochs(3).verbose(0).validation_split(0.25))?;
        let test = model.evaluate(&x, &y, None)?;
        let report = model.report("Hands & <feet>")?.option("epochs", 3).option("epochs", 4);
        let html = report.classes(&["left", "right"]).history(&history)?.evaluation("Test", &test)?.to_html();

        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let page = roxmltree::Document::parse_with_options(&html, options)?;
        let texts: Vec<&str> = page.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
        let holds = |text: &str| assert!(texts.contains(&text), "{text}: {texts:?}");
        ["Hands & <feet>", "77", "left", "right", "Environment"].into_iter().for_each(holds);
        let cell = |name: &str| texts.iter().position(|text| *text == name).map(|at| texts[at + 1]);
        assert_eq!(cell("epochs"), Some("4"));
        assert!(
            cell("optimizer")
                .is_some_and(|text| text.starts_with("Adam(") && text.contains("learning_rate=0.001"))
        );
        assert!(cell("device").is_some_and(|text| text.starts_with("CPU")));
        let last = history.epochs().last().unwrap();
        for (name, value) in last.iter().chain(test.iter()) {
            holds(name);
            holds(&format!("{value:.6}"));
        }
        assert!(texts.iter().any(|text| text.contains("Total params: 58 (")), "{texts:?}");
        let pictures =
            page.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "svg")));
        // Loss and accuracy, confusions of training, validation and test, the filters.
        assert_eq!(pictures.count(), 6);
        let links = page
            .descendants()
            .flat_map(|node| node.attributes())
            .filter(|a| a.name() == "href" || a.name() == "src");
        assert!(links.into_iter().all(|link| link.value().starts_with("data:")), "something lies outside");
        Ok(())
    }

    #[test]
    fn a_model_without_shapes_has_no_report() {
        let mut model = Sequential::new().add(Dense::new(1)).device(Device::cpu());
        assert!(model.report("t").unwrap_err().to_string().contains("build"));
    }
}
