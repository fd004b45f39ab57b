//! Pictures of your own: a folder with a subfolder of PNG or JPEG files for each label.
//!
//! `cargo run --release --example own_images -- [FOLDER [EPOCHS]]`, by default the folder `signs` and 20 epochs.

use gradus::data::ImageFolder;
use gradus::layers::{RandomRotation, Rescaling};
use gradus::{Adam, Conv2D, Dense, FitOptions, Flatten, MaxPooling2D, Model, Result, Sequential};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or("signs".into());
    let epochs = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20);

    let images = ImageFolder::new(folder).image_size(64, 64).open()?;
    let (training, validation) = images.shuffle(1).split(0.2)?;
    let mut model = Sequential::new()
        .add(Rescaling::new(1.0 / 255.0))
        .add(RandomRotation::new(0.03))
        .add(Conv2D::new(16, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dense::new(images.class_names().len()).activation("softmax"));
    model.compile(Adam::new(0.001), "sparse_categorical_crossentropy", &["accuracy"])?;
    model.fit(training.cache()?, (), FitOptions::new().epochs(epochs).validation_data(&validation, ()))?;
    model.save("own_images.keras")?;

    let mut model = Model::load("own_images.keras")?;
    println!("Loaded again: {}", model.evaluate(&validation, (), None)?);
    let probabilities = model.predict(validation.select(&[0])?, None)?.to_f32();
    for (name, probability) in images.class_names().iter().zip(probabilities) {
        println!("{name}: {:.1} %", 100.0 * probability);
    }
    Ok(())
}
