//! Pictures as pixels: rectangles, smooth lines, text from a font that comes with the crate, and PNG.

use noto_sans_mono_bitmap::{FontWeight, get_raster};

use super::palette::{PAPER, blend};
use super::picture::{Align, Color, Picture, Pixels, Point, Shape, Text};
use crate::error::{Error, Result};

/// The pixels of `picture`, row by row.
pub(super) fn draw(picture: &Picture) -> Vec<Color> {
    let mut canvas = Canvas::new(picture.width, picture.height);
    for shape in &picture.shapes {
        match shape {
            Shape::Rectangle { from, to, color } => canvas.rectangle(*from, *to, *color),
            Shape::Line { points, width, color } => canvas.line(points, *width, *color),
            Shape::Text(text) => canvas.text(text),
            Shape::Image { at, pixels, scale } => canvas.image(*at, pixels, *scale),
        }
    }
    canvas.pixels
}

/// A PNG file of `pixels`, row by row.
pub(super) fn png(width: usize, height: usize, pixels: &[Color]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let failed = |e: png::EncodingError| {
        Error::data("PNG encoder", e.to_string(), "report this: every picture of this size can be encoded")
    };
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels.as_flattened()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![PAPER; width * height] }
    }

    fn rectangle(&mut self, from: (usize, usize), to: (usize, usize), color: Color) {
        for y in from.1..to.1.min(self.height) {
            for x in from.0..to.0.min(self.width) {
                self.pixels[y * self.width + x] = color;
            }
        }
    }

    fn image(&mut self, (left, top): (usize, usize), image: &Pixels, scale: usize) {
        for (i, &color) in image.colors.iter().enumerate() {
            let at = (left + i % image.width * scale, top + i / image.width * scale);
            self.rectangle(at, (at.0 + scale, at.1 + scale), color);
        }
    }

    fn line(&mut self, points: &[Point], width: f64, color: Color) {
        let Some(last) = points.last() else { return };
        let radius = width / 2.0;
        let columns = span(points.iter().map(|p| p.0), radius, self.width);
        let rows = span(points.iter().map(|p| p.1), radius, self.height);
        let mut coverage = vec![0.0; columns.len() * rows.len()];
        for (&from, &to) in points.iter().zip(points[1..].iter().chain([last])) {
            // The greatest coverage counts, not the sum, so that joints are no darker.
            for y in within(&rows, span([from.1, to.1].into_iter(), radius, self.height)) {
                for x in within(&columns, span([from.0, to.0].into_iter(), radius, self.width)) {
                    let distance = distance((x as f64 + 0.5, y as f64 + 0.5), from, to);
                    let old: &mut f64 = &mut coverage[(y - rows.start) * columns.len() + x - columns.start];
                    *old = old.max((radius + 0.5 - distance).clamp(0.0, 1.0));
                }
            }
        }
        for (i, part) in coverage.into_iter().enumerate() {
            let (x, y) = (columns.start + i % columns.len(), rows.start + i / columns.len());
            let pixel = &mut self.pixels[y * self.width + x];
            *pixel = blend(*pixel, color, part);
        }
    }

    /// What does not fit on the picture is cut off.
    fn text(&mut self, text: &Text) {
        let width = text.size.width(&text.text);
        let before = match text.align {
            Align::Left => 0,
            Align::Center => width / 2,
            Align::Right => width,
        };
        for (number, character) in text.text.chars().enumerate() {
            let along = number * text.size.advance();
            if text.upwards {
                self.character(character, (text.at.0, (text.at.1 + before).saturating_sub(along)), text);
            } else {
                self.character(character, (text.at.0.saturating_sub(before) + along, text.at.1), text);
            }
        }
    }

    /// The font knows the letters of Western Europe; any other character becomes a question mark.
    fn character(&mut self, character: char, (left, top): (usize, usize), text: &Text) {
        let glyph = |c| get_raster(c, FontWeight::Regular, text.size.raster());
        let Some(glyph) = glyph(character).or_else(|| glyph('?')) else { return };
        for (y, row) in glyph.rows().enumerate() {
            for (x, &part) in row.iter().enumerate() {
                // Turned to the left, a row becomes a column.
                let at = if text.upwards { (left + y, top.wrapping_sub(x + 1)) } else { (left + x, top + y) };
                if at.0 < self.width && at.1 < self.height {
                    let pixel = &mut self.pixels[at.1 * self.width + at.0];
                    *pixel = blend(*pixel, text.color, f64::from(part) / 255.0);
                }
            }
        }
    }
}

/// The pixels that a line of this radius through these places may touch along one axis.
fn span(places: impl Iterator<Item = f64>, radius: f64, limit: usize) -> std::ops::Range<usize> {
    let ends = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p), high.max(p)));
    let low = (ends.0 - radius - 1.0).max(0.0) as usize;
    let high = (ends.1 + radius + 1.0).max(0.0) as usize;
    low.min(limit)..(high + 1).min(limit)
}

fn within(all: &std::ops::Range<usize>, part: std::ops::Range<usize>) -> std::ops::Range<usize> {
    part.start.max(all.start)..part.end.min(all.end)
}

fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - along * dx).hypot(py - along * dy)
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::File;
    use std::io::BufReader;
    use std::path::Path;

    use super::super::palette::TITLE;
    use super::super::picture::Size;
    use super::*;

    /// What a PNG file of colours shows.
    pub(in crate::model::plot) fn read_png(path: &Path) -> anyhow::Result<Pixels> {
        let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
        let width = reader.info().width as usize;
        let mut bytes = vec![0; width * reader.info().height as usize * 3];
        reader.next_frame(&mut bytes)?;
        Ok(Pixels { width, colors: bytes.as_chunks().0.to_vec() })
    }

    #[test]
    fn text_upwards_is_text_turned_to_the_left() {
        const SIDE: usize = 60;
        let (mut across, mut upwards) = (Picture::new(SIDE, SIDE), Picture::new(SIDE, SIDE));
        across.text("Ag1", (5, 7), Align::Left, Size::Small, TITLE);
        upwards.text_upwards("Ag1", (7, SIDE - 5), TITLE);
        let (across, upwards) = (draw(&across), draw(&upwards));
        let dark = across.iter().filter(|color| color[0] < 100).count();
        assert!(dark > 40, "{dark}");
        for (i, &color) in across.iter().enumerate() {
            let (x, y) = (i % SIDE, i / SIDE);
            assert_eq!(upwards[(SIDE - 1 - x) * SIDE + y], color, "{x} {y}");
        }
    }

    #[test]
    fn text_has_the_place_that_it_names() {
        let ends = [Align::Left, Align::Center, Align::Right].map(|align| {
            let mut picture = Picture::new(200, 30);
            picture.text("HHHH", (100, 5), align, Size::Small, TITLE);
            let dark = draw(&picture).into_iter().enumerate().filter(|(_, color)| color[0] < 100);
            let columns: Vec<usize> = dark.map(|(i, _)| i % 200).collect();
            (columns.iter().min().copied().unwrap_or(0), columns.iter().max().copied().unwrap_or(0))
        });
        assert!(ends[0].0 >= 100 && ends[2].1 < 100, "{ends:?}");
        assert!(ends[1].0.abs_diff(200 - ends[1].1) <= 4, "{ends:?}");
    }
}
