//! The course of a training.

use std::path::{Path, PathBuf};

use super::chart::numbered;
use super::picture::Picture;
use crate::error::Result;
use crate::model::{History, Logs};

/// Draws the loss and each metric of a training, that of the validation beside it, and writes them to `folder`, which must
/// be there, as `loss.png` and so on. Returns the files.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use gradus::{Dense, FitOptions, Sequential, Tensor, model::plot::history_charts};
/// let x = Tensor::f32(&[4, 1], vec![0.0, 1.0, 2.0, 3.0])?;
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile("sgd", "mean_squared_error", &[])?;
/// let history = model.fit(&x, &x, FitOptions::new().epochs(5).validation_split(0.25).verbose(0))?;
/// assert_eq!(history_charts(folder, "Identity", &history)?, [folder.join("loss.png")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a file cannot be written.
pub fn history_charts(folder: impl AsRef<Path>, title: &str, history: &History) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, picture) in pictures(title, history) {
        let file = folder.as_ref().join(format!("{name}.png"));
        picture.write(&file)?;
        files.push(file);
    }
    Ok(files)
}

/// The pictures of [`history_charts`], each with the name of what it shows.
pub(in crate::model) fn pictures(title: &str, history: &History) -> Vec<(String, Picture)> {
    let names = history.epochs().first().into_iter().flat_map(Logs::iter).map(|(name, _)| name);
    let picture = |name: &str| {
        let values = ["", "val_"].map(|prefix| history.get(&format!("{prefix}{name}")));
        let curves = ["train", "validation"].into_iter().zip(&values);
        let series: Vec<(&str, &[f64])> =
            curves.filter_map(|(curve, v)| Some((curve, v.as_deref()?))).collect();
        (name.to_string(), numbered(&format!("{title}: {name}"), ["epoch", name], 1, &series))
    };
    names.filter(|name| !name.starts_with("val_")).map(picture).collect()
}
