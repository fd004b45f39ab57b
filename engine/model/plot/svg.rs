//! Pictures as SVG, shape by shape.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::picture::{Align, Color, Picture, Pixels, Point, Shape, Text};
use crate::error::Result;

/// An `svg` element of the picture's size.
pub(super) fn draw(picture: &Picture) -> Result<String> {
    let (width, height) = (picture.width, picture.height);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\">\n"
    );
    for shape in &picture.shapes {
        text += &match shape {
            Shape::Rectangle { from, to, color } => rectangle(*from, *to, *color),
            Shape::Line { points, width, color } => line(points, *width, *color),
            Shape::Text(line) => text_element(line),
            Shape::Image { at, pixels, scale } => image(*at, pixels, *scale)?,
        };
        text.push('\n');
    }
    Ok(text + "</svg>\n")
}

/// `#0072b2`
fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn rectangle(from: (usize, usize), to: (usize, usize), color: Color) -> String {
    let (width, height) = (to.0.saturating_sub(from.0), to.1.saturating_sub(from.1));
    let (x, y, fill) = (from.0, from.1, hex(color));
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>")
}

fn line(points: &[Point], width: f64, color: Color) -> String {
    let color = hex(color);
    if let [(x, y)] = points {
        return format!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{}\" fill=\"{color}\"/>", width / 2.0);
    }
    let mut places = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let gap = if i == 0 { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(places, "{gap}{x:.2},{y:.2}");
    }
    format!(
        "<polyline points=\"{places}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\"/>"
    )
}

/// As wide as the font of the other writer, whichever font the reader has.
fn text_element(line: &Text) -> String {
    let anchor = match line.align {
        Align::Left => "start",
        Align::Center => "middle",
        Align::Right => "end",
    };
    let (length, size) = (line.size.width(&line.text), line.size.advance() as f64 / 0.6);
    // Letters stand on a line four fifths of the way down.
    let base = line.size.height() * 4 / 5;
    let (x, y) = if line.upwards { (line.at.0 + base, line.at.1) } else { (line.at.0, line.at.1 + base) };
    let turn = if line.upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let (fill, words) = (hex(line.color), escaped(&line.text));
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{size:.1}\" text-anchor=\"{anchor}\" textLength=\"{length}\" \
         fill=\"{fill}\"{turn} xml:space=\"preserve\">{words}</text>"
    )
}

fn image((x, y): (usize, usize), pixels: &Pixels, scale: usize) -> Result<String> {
    let (width, height) = (pixels.width * scale, pixels.height() * scale);
    let data = BASE64_STANDARD.encode(pixels.png()?);
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" style=\"image-rendering:pixelated\" \
         href=\"data:image/png;base64,{data}\"/>"
    ))
}

/// `text` as XML and HTML hold it; control characters, which XML cannot hold, become spaces.
pub(in crate::model) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            c if c.is_control() && c != '\n' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
