//! Data sets, and what is done to data before training.

mod arrays;
mod check;
mod class_weights;
#[cfg(feature = "csv")]
mod csv;
mod dataset;
mod fashion_mnist;
mod idx;
#[cfg(feature = "images")]
mod image_folder;
#[cfg(feature = "images")]
mod images;
mod k_fold;
mod one_hot;
mod permutation;
#[cfg(feature = "images")]
mod resize;
#[cfg(feature = "hdf5")]
mod signs;
mod split;
mod standard_scaler;
#[cfg(feature = "csv")]
mod table;
mod time_series;

pub use arrays::read_array;
pub use check::{check_finite, check_labels};
pub use class_weights::class_weights;
#[cfg(feature = "csv")]
pub use csv::read_csv;
pub use dataset::Dataset;
pub use fashion_mnist::{FashionMnist, load_fashion_mnist};
pub use idx::{parse_idx, read_idx};
#[cfg(feature = "images")]
pub use image_folder::{ImageFolder, load_image};
#[cfg(feature = "images")]
pub use images::{read_image, read_image_folder};
pub use k_fold::{Fold, KFold};
pub use one_hot::one_hot;
pub(crate) use permutation::{permutation, shuffled};
#[cfg(feature = "hdf5")]
pub use signs::{Signs, load_signs};
pub(crate) use split::split_row;
pub use split::{Split, split};
pub use standard_scaler::StandardScaler;
#[cfg(feature = "csv")]
pub use table::Table;
pub use time_series::TimeSeries;
