//! A picture in memory: rectangles, smooth lines, text from a font that comes with the crate, and PNG.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::error::{Error, Result};

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// A place in pixels from the top left corner; a pixel's middle lies at a half.
pub(super) type Point = (f64, f64);

/// Which end of a text its place names.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// Height of a line of text in pixels.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Small,
    Large,
}

impl Size {
    fn raster(self) -> RasterHeight {
        match self {
            Self::Small => RasterHeight::Size16,
            Self::Large => RasterHeight::Size20,
        }
    }

    /// Pixels from the top of a line to its end.
    pub(super) fn height(self) -> usize {
        self.raster().val()
    }

    /// Pixels from one character to the next.
    pub(super) fn advance(self) -> usize {
        get_raster_width(FontWeight::Regular, self.raster())
    }
}

/// Pixels, row by row.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, background: Color) -> Self {
        Self { width, height, pixels: vec![background; width * height] }
    }

    /// Fills the pixels from `from` to just before `to` (column, row).
    pub(super) fn rectangle(&mut self, from: (usize, usize), to: (usize, usize), color: Color) {
        for y in from.1..to.1.min(self.height) {
            for x in from.0..to.0.min(self.width) {
                self.pixels[y * self.width + x] = color;
            }
        }
    }

    /// Joins `points` by a line with round ends; a single point becomes a dot.
    pub(super) fn polyline(&mut self, points: &[Point], width: f64, color: Color) {
        let mut coverage = vec![0.0; self.pixels.len()];
        let ends = points[1..].iter().chain(points.last());
        for (&from, &to) in points.iter().zip(ends) {
            self.cover(&mut coverage, from, to, width / 2.0);
        }
        for (pixel, part) in self.pixels.iter_mut().zip(coverage) {
            *pixel = blend(*pixel, color, part);
        }
    }

    /// Raises the coverage of each pixel to what the segment covers of it. The greatest counts, not the sum, so that
    /// joints are no darker.
    fn cover(&self, coverage: &mut [f64], from: Point, to: Point, radius: f64) {
        let columns = span(from.0, to.0, radius, self.width);
        for y in span(from.1, to.1, radius, self.height) {
            for x in columns.clone() {
                let distance = distance((x as f64 + 0.5, y as f64 + 0.5), from, to);
                let part = (radius + 0.5 - distance).clamp(0.0, 1.0);
                let old = &mut coverage[y * self.width + x];
                *old = old.max(part);
            }
        }
    }

    /// Writes one line of text whose top lies at row `y`. What does not fit on the picture is cut off.
    pub(super) fn text(&mut self, text: &str, at: (usize, usize), align: Align, size: Size, color: Color) {
        let width = text.chars().count() * size.advance();
        let mut left = match align {
            Align::Left => at.0,
            Align::Center => at.0.saturating_sub(width / 2),
            Align::Right => at.0.saturating_sub(width),
        };
        for character in text.chars() {
            self.character(character, (left, at.1), size, color);
            left += size.advance();
        }
    }

    /// The font knows ASCII; any other character becomes a question mark.
    fn character(&mut self, character: char, (left, top): (usize, usize), size: Size, color: Color) {
        let glyph = |c| get_raster(c, FontWeight::Regular, size.raster());
        let Some(glyph) = glyph(character).or_else(|| glyph('?')) else { return };
        for (y, row) in glyph.rows().enumerate().take(self.height.saturating_sub(top)) {
            for (x, &part) in row.iter().enumerate().take(self.width.saturating_sub(left)) {
                let pixel = &mut self.pixels[(top + y) * self.width + left + x];
                *pixel = blend(*pixel, color, f64::from(part) / 255.0);
            }
        }
    }

    /// The picture as a PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let failed = |e: png::EncodingError| {
            Error::data(
                "PNG encoder",
                e.to_string(),
                "report this: every picture of this size can be encoded",
            )
        };
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(self.pixels.as_flattened()).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

/// The pixels that a segment of this radius may touch along one axis.
fn span(a: f64, b: f64, radius: f64, limit: usize) -> std::ops::Range<usize> {
    let low = (a.min(b) - radius - 1.0).max(0.0) as usize;
    let high = (a.max(b) + radius + 1.0).max(0.0) as usize;
    low.min(limit)..(high + 1).min(limit)
}

fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - along * dx).hypot(py - along * dy)
}

fn blend(under: Color, over: Color, part: f64) -> Color {
    std::array::from_fn(|i| {
        let (under, over) = (f64::from(under[i]), f64::from(over[i]));
        (under + (over - under) * part).round() as u8
    })
}
