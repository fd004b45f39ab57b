//! Changes of images on the device, while training: the same picture is seen otherwise in every epoch. And the sizes and
//! ranges that images are brought to, in training and after.

mod crop;
mod factor;
mod flip;
mod rescaling;
mod resizing;
mod sampling;
#[cfg(all(test, feature = "cpu"))]
mod tests;
mod tone;
mod transform;

pub use crop::{CenterCrop, Crop, RandomCrop};
pub use factor::Factor;
pub use flip::{FlipMode, RandomFlip};
pub use rescaling::{PerChannel, Rescaling};
pub use resizing::Resizing;
pub use sampling::FillMode;
pub use tone::{RandomBrightness, RandomContrast, RandomTone};
pub use transform::{RandomRotation, RandomTransform, RandomTranslation, RandomZoom};
