//! What a picture in a file shows, as far as counting its colours tells.

use std::collections::HashMap;
use std::path::Path;

use gradus::Values;

pub type Color = [u8; 3];

pub const PAPER: Color = [255, 255, 255];
pub const FIELD: Color = [248, 250, 252];
pub const AXIS: Color = [148, 163, 184];
/// Of the first eight curves.
pub const SERIES: [Color; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [105, 105, 105],
    [0, 0, 0],
];

/// Rows of a chart between its legend and the numbers of its axis.
const FIELD_ROWS: std::ops::Range<usize> = 84..538;

pub struct Pixels {
    pub width: usize,
    pub colors: Vec<Color>,
}

impl Pixels {
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let image = gradus::data::read_image(path).unwrap_or_else(|error| panic!("{error}"));
        let Values::U8 { bytes, .. } = image.values() else { panic!("a picture is of bytes") };
        assert_eq!(image.shape()[2], 3, "{}", path.display());
        Self { width: image.shape()[1], colors: bytes.as_chunks().0.to_vec() }
    }

    pub fn size(&self) -> (usize, usize) {
        (self.width, self.colors.len() / self.width)
    }

    pub fn count(&self, color: Color) -> usize {
        self.colors.iter().filter(|&&pixel| pixel == color).count()
    }

    fn in_field(&self, color: Color) -> usize {
        let rows = FIELD_ROWS.start * self.width..FIELD_ROWS.end * self.width;
        self.colors[rows].iter().filter(|&&pixel| pixel == color).count()
    }

    /// Pixels of the y axis: those of the column that has most. A curve may begin on it.
    fn upright_axis(&self) -> usize {
        let column = |x: usize| FIELD_ROWS.filter(|y| self.colors[y * self.width + x] == AXIS).count();
        (0..self.width).map(column).max().unwrap_or(0)
    }

    /// Pixels of the x axis, or of curves that lie on it.
    fn lying_axis(&self) -> usize {
        let row = &self.colors[FIELD_ROWS.end * self.width..][..self.width];
        row.iter().filter(|&&pixel| pixel != PAPER && pixel != FIELD).count()
    }

    /// Pixels as dark as letters.
    pub fn dark(&self) -> usize {
        self.colors.iter().filter(|color| color.iter().all(|&part| part < 140)).count()
    }

    /// Colours of areas, not of the edges of letters.
    pub fn different(&self) -> usize {
        let mut counts: HashMap<Color, usize> = HashMap::new();
        self.colors.iter().for_each(|&color| *counts.entry(color).or_default() += 1);
        counts.values().filter(|&&count| count >= 30).count()
    }
}

/// A chart of 960x600 pixels with axes, letters and at least `curves` of the curves in `colors`.
#[track_caller]
pub fn check_chart(path: &Path, colors: &[Color], curves: usize) {
    let (pixels, name) = (Pixels::read(path), path.display());
    assert_eq!(pixels.size(), (960, 600), "{name}");
    assert!(pixels.upright_axis() > FIELD_ROWS.len() * 9 / 10, "{name}: axis of {}", pixels.upright_axis());
    assert!(pixels.lying_axis() > 700, "{name}: axis of {}", pixels.lying_axis());
    assert!(pixels.dark() > 400, "{name}: letters of {}", pixels.dark());
    let ground = pixels.count(PAPER) + pixels.count(FIELD);
    assert!(ground > 960 * 600 * 7 / 10, "{name}: ground of {ground}");
    let in_field: Vec<usize> = colors.iter().map(|&color| pixels.in_field(color)).collect();
    let drawn = in_field.iter().filter(|&&count| count > 200).count();
    assert!(drawn >= curves, "{name}: curves of {in_field:?} pixels");
    // Every curve has its stroke in the legend.
    let strokes = colors.iter().zip(&in_field).map(|(&color, inside)| pixels.count(color) - inside);
    assert!(strokes.min() >= Some(40), "{name}: a stroke is missing in the legend");
}

/// A picture of fields: at least `size`, with letters and at least `different` colours.
#[track_caller]
pub fn check_tiles(path: &Path, size: (usize, usize), different: usize) {
    let (pixels, name) = (Pixels::read(path), path.display());
    let (width, height) = pixels.size();
    assert!(width >= size.0 && height >= size.1, "{name}: {width} x {height}");
    assert!(pixels.dark() > 100, "{name}: letters of {}", pixels.dark());
    assert!(pixels.different() >= different, "{name}: {} colours", pixels.different());
    assert!(pixels.count(PAPER) < width * height * 95 / 100, "{name}: blank");
}

/// The frames of an animation.
#[track_caller]
pub fn frames(path: &Path) -> Vec<Vec<u8>> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(std::fs::File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push(frame.buffer.to_vec());
    }
    frames
}

/// A byte that looks like chance and is the same in every run: Knuth's multiplicative hash.
pub fn noise(number: u32) -> u8 {
    (number.wrapping_mul(2_654_435_761) >> 24) as u8
}
