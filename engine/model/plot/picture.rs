//! A picture as a list of shapes, which one writer turns into pixels and another into SVG.

use std::path::Path;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster_width};

use super::palette::PAPER;
use super::{raster, svg};
use crate::error::{Error, Result};
use crate::formats::write_file;

/// Red, green, blue.
pub(in crate::model) type Color = [u8; 3];

/// A place in pixels from the top left corner; a pixel's middle lies at a half.
pub(super) type Point = (f64, f64);

/// Which end of a text its place names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// Height of a line of text in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Small,
    Large,
}

impl Size {
    pub fn raster(self) -> RasterHeight {
        match self {
            Self::Small => RasterHeight::Size16,
            Self::Large => RasterHeight::Size20,
        }
    }

    /// Pixels from the top of a line to its end.
    pub fn height(self) -> usize {
        self.raster().val()
    }

    /// Pixels from one character to the next.
    pub fn advance(self) -> usize {
        get_raster_width(FontWeight::Regular, self.raster())
    }

    /// Pixels that `text` takes.
    pub fn width(self, text: &str) -> usize {
        text.chars().count() * self.advance()
    }
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub text: String,
    /// Column and row of the end that `align` names, at the top of the line.
    pub at: (usize, usize),
    pub align: Align,
    pub size: Size,
    pub color: Color,
    /// Whether it is read from below to above: `at` is then the end's place on the left side of the line.
    pub upwards: bool,
}

/// A small image, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Pixels {
    pub width: usize,
    pub colors: Vec<Color>,
}

impl Pixels {
    pub fn height(&self) -> usize {
        self.colors.len() / self.width.max(1)
    }

    /// The image as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>> {
        raster::png(self.width, self.height(), &self.colors)
    }
}

/// What a picture is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// The pixels from `from` to just before `to`.
    Rectangle {
        from: (usize, usize),
        to: (usize, usize),
        color: Color,
    },
    /// Points joined by a line with round ends; a single point is a dot.
    Line {
        points: Vec<Point>,
        width: f64,
        color: Color,
    },
    Text(Text),
    /// An image, each of its pixels a square of side `scale`.
    Image {
        at: (usize, usize),
        pixels: Pixels,
        scale: usize,
    },
}

/// Shapes on paper, the later ones above the earlier.
#[derive(Clone, Debug)]
pub(in crate::model) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) shapes: Vec<Shape>,
}

impl Picture {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            shapes: vec![Shape::Rectangle { from: (0, 0), to: (width, height), color: PAPER }],
        }
    }

    pub(super) fn rectangle(&mut self, from: (usize, usize), to: (usize, usize), color: Color) {
        self.shapes.push(Shape::Rectangle { from, to, color });
    }

    pub(super) fn line(&mut self, points: &[Point], width: f64, color: Color) {
        self.shapes.push(Shape::Line { points: points.to_vec(), width, color });
    }

    pub(super) fn image(&mut self, at: (usize, usize), pixels: Pixels, scale: usize) {
        self.shapes.push(Shape::Image { at, pixels, scale });
    }

    pub(super) fn text(&mut self, text: &str, at: (usize, usize), align: Align, size: Size, color: Color) {
        let text = text.to_string();
        self.shapes.push(Shape::Text(Text { text, at, align, size, color, upwards: false }));
    }

    /// A small text that is read from below to above and begins at the row `at.1`.
    pub(super) fn text_upwards(&mut self, text: &str, at: (usize, usize), color: Color) {
        let (text, align, size) = (text.to_string(), Align::Left, Size::Small);
        self.shapes.push(Shape::Text(Text { text, at, align, size, color, upwards: true }));
    }

    /// The picture's pixels.
    pub fn pixels(&self) -> Pixels {
        Pixels { width: self.width, colors: raster::draw(self) }
    }

    /// The picture as an `svg` element that can stand in a page.
    ///
    /// # Errors
    /// If an image in it cannot be encoded.
    pub fn svg(&self) -> Result<String> {
        svg::draw(self)
    }

    /// Writes the picture to `path`, as PNG or SVG as the name ends. The file appears whole or not at all.
    ///
    /// # Errors
    /// If the name ends otherwise, or the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("png") => write_file(path, &self.pixels().png()?),
            Some("svg") => write_file(path, self.svg()?.as_bytes()),
            _ => Err(Error::file(path, "is no name of a picture", "let it end in .png or .svg")),
        }
    }
}
