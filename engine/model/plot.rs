//! Pictures, as PNG or SVG as the file's name ends. Nothing of the system is needed: no font, no library. Colours are told
//! apart by people who see colours differently.
//!
//! | function | picture |
//! | --- | --- |
//! | [`history_charts`] | loss and metrics of a training |
//! | [`line_chart`], [`numbered_chart`] | any curves over epochs or other whole numbers |
//! | [`heat_map`] | a table of numbers, such as a search's scores |
//! | [`confusion_matrix`] | which classes are taken for which |
//! | [`misclassified`] | the images that a classifier got wrong, with its probabilities |
//! | [`filters`] | what a convolution looks for |
//! | [`feature_maps`] | what a layer makes of an image |
//! | [`activation_functions`] | functions between layers, with their derivatives |
//! | [`decision_surface`], [`SurfaceAnimation`] | what a model answers over a plane; while it learns |

mod activation_functions;
mod axis;
mod chart;
mod confusion_matrix;
mod feature_maps;
mod filters;
mod heat_map;
mod history_charts;
mod misclassified;
mod palette;
mod picture;
mod raster;
mod series;
mod surface;
mod surface_animation;
mod svg;
mod table;
mod tiles;

pub use activation_functions::activation_functions;
pub use chart::{line_chart, numbered_chart};
pub use confusion_matrix::confusion_matrix;
pub use feature_maps::feature_maps;
pub use filters::filters;
pub use heat_map::heat_map;
pub use history_charts::history_charts;
pub use misclassified::misclassified;
pub use surface::decision_surface;
pub use surface_animation::SurfaceAnimation;

pub(super) use confusion_matrix::picture as confusion_picture;
pub(super) use filters::picture as filter_picture;
pub(super) use history_charts::pictures as history_pictures;
pub(super) use picture::Picture;
pub(super) use svg::escaped;
