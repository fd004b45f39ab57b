//! Draws the embedded stand-in for the SIGNS data set: hands that raise zero to five fingers.
//!
//! `cargo run --release --example draw_signs` writes `assets/signs/train_signs.h5` and `test_signs.h5` again.
//! Every picture follows from the seed and its index alone.

mod hand;
mod random;
mod render;
mod scene;
mod vector;

use std::path::PathBuf;

use clap::Parser;
use gradus::Tensor;
use gradus::formats::hdf5::{Group, Storage};

use random::Random;
use render::SIZE;
use scene::Scene;

const CLASSES: usize = 6;
/// How many people show their hands.
const PEOPLE: usize = 12;
/// How far the poses of one person's one sign differ from each other, between 0 (not at all) and 1 (as much as
/// those of different people): people have a way of their own.
const FREEDOM: f32 = 0.5;
/// The first of the streams of random numbers that decide on each thing.
const PERSONS: u64 = 1 << 32;
const POSES: u64 = 2 << 32;
const PICTURES: u64 = 3 << 32;
const CASTING: u64 = 4 << 32;
const LABELS: u64 = 5 << 32;

/// Draws hands that raise zero to five fingers, as HDF5 files in the layout of the SIGNS data set.
#[derive(Parser)]
struct Options {
    /// Folder for train_signs.h5 and test_signs.h5.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/signs"))]
    out: PathBuf,
    /// Seed of all pictures.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Training pictures a class.
    #[arg(long, default_value_t = 180)]
    train: usize,
    /// Test pictures a class.
    #[arg(long, default_value_t = 20)]
    test: usize,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    for (number, (part, each)) in [("train", options.train), ("test", options.test)].into_iter().enumerate() {
        let labels = shuffled_labels(each, options.seed, number as u64);
        let images = draw_all(&labels, options.seed, number as u64);
        let path = options.out.join(format!("{part}_signs.h5"));
        let mut file = Group::default();
        let shape = [labels.len(), SIZE, SIZE, 3];
        file.insert(&format!("{part}_set_x"), Tensor::u8(&shape, images)?, Storage::Gzip { rows: 20 })?;
        file.insert(&format!("{part}_set_y"), Tensor::u32(&[labels.len()], labels)?, Storage::Contiguous)?;
        let classes = (0..CLASSES as u32).collect();
        file.insert("list_classes", Tensor::u32(&[CLASSES], classes)?, Storage::Contiguous)?;
        file.write(&path)?;
        println!("{}: {} pictures, {} bytes", path.display(), shape[0], path.metadata()?.len());
    }
    Ok(())
}

/// `each` of every class, in random order.
fn shuffled_labels(each: usize, seed: u64, part: u64) -> Vec<u32> {
    let mut random = Random::new(seed, LABELS + part, 0, 0.0);
    let mut labels: Vec<u32> = (0..each * CLASSES).map(|index| (index % CLASSES) as u32).collect();
    for last in (1..labels.len()).rev() {
        labels.swap(last, random.below(last + 1));
    }
    labels
}

/// The scene of picture `index` of a part: `label` shown by a random person.
fn scene(label: u32, seed: u64, index: u64) -> Scene {
    let (own, person) = (PICTURES + index, Random::new(seed, CASTING + index, 0, 0.0).below(PEOPLE) as u64);
    let mut pose = Random::new(seed, POSES + person * CLASSES as u64 + u64::from(label), own, FREEDOM);
    let mut person = Random::new(seed, PERSONS + person, 0, 0.0);
    let mut place = Random::new(seed, own, 0, 0.0);
    Scene::new(label as usize, &mut pose, &mut person, &mut place)
}

/// The pictures one after another, drawn on all processors.
fn draw_all(labels: &[u32], seed: u64, part: u64) -> Vec<u8> {
    const BYTES: usize = SIZE * SIZE * 3;
    let mut images = vec![0; labels.len() * BYTES];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = labels.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (thread, images) in images.chunks_mut(share * BYTES).enumerate() {
            scope.spawn(move || {
                for (offset, image) in images.chunks_mut(BYTES).enumerate() {
                    let index = thread * share + offset;
                    let scene = scene(labels[index], seed, (part << 20) + index as u64);
                    image.copy_from_slice(&render::draw(&scene));
                }
            });
        }
    });
    images
}
