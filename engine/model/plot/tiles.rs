//! Many small images side by side, and the scale of their colours.

use super::palette::{LABEL, Scale, TITLE};
use super::picture::{Align, Picture, Pixels, Size};

/// The width that pictures keep to, so that they are read as they are.
pub(super) const PAGE: usize = 800;
pub(super) const MARGIN: usize = 28;
const GAP: usize = 12;
const TOP: usize = 84;
const CAPTION: usize = 20;

/// Small images of one size.
pub(super) struct Tiles<'a> {
    pub title: &'a str,
    /// What is seen, below the title.
    pub note: String,
    pub images: Vec<Pixels>,
    /// What stands below each.
    pub captions: Vec<String>,
    /// Pixels that an image may be wide; a larger one is drawn as it is.
    pub side: usize,
    /// The colours of numbers from one to another.
    pub bar: Option<(Scale, f64, f64)>,
}

impl Tiles<'_> {
    /// All images, in rows as equal as their number allows.
    pub fn draw(self) -> Picture {
        let (width, height) = self.images.first().map_or((1, 1), |image| (image.width, image.height()));
        let scale = (self.side / width.max(1)).max(1);
        let (across, down) = (width * scale + GAP, height * scale + CAPTION + GAP);
        let most = ((PAGE - 2 * MARGIN + GAP) / across).max(1);
        let rows = self.images.len().div_ceil(most).max(1);
        let columns = self.images.len().div_ceil(rows).max(1);
        let wide = (2 * MARGIN + columns * across - GAP).max(MARGIN + Size::Small.width(&self.note) + MARGIN);
        let bar = self.bar.map_or(0, |(_, low, high)| bar_width([low, high]));
        let wide = wide.max(2 * MARGIN + Size::Large.width(self.title).max(bar));
        let bottom = TOP + rows * down;
        let mut picture = Picture::new(wide, bottom + if self.bar.is_some() { 50 } else { MARGIN / 2 });
        picture.text(self.title, (MARGIN, 18), Align::Left, Size::Large, TITLE);
        picture.text(&self.note, (MARGIN, 50), Align::Left, Size::Small, LABEL);
        for (i, (image, caption)) in self.images.into_iter().zip(&self.captions).enumerate() {
            let (left, top) = (MARGIN + i % columns * across, TOP + i / columns * down);
            let middle = left + width * scale / 2;
            picture.image((left, top), image, scale);
            picture.text(caption, (middle, top + height * scale + 2), Align::Center, Size::Small, LABEL);
        }
        if let Some((colors, low, high)) = self.bar {
            draw_bar(&mut picture, (MARGIN, bottom + 8), colors, [low, high]);
        }
        picture
    }
}

/// Pixels from one end of a bar's colours to the other.
const BAR: usize = 160;

/// A bar of the colours of numbers from `low` to `high`, and the two numbers at its ends.
pub(super) fn draw_bar(
    picture: &mut Picture,
    (left, top): (usize, usize),
    colors: Scale,
    [low, high]: [f64; 2],
) {
    let (low, high) = (number(low), number(high));
    picture.text(&low, (left, top), Align::Left, Size::Small, LABEL);
    let start = left + Size::Small.width(&low) + 8;
    let row: Vec<_> = (0..BAR).map(|i| colors.color(i as f64 / (BAR - 1) as f64)).collect();
    picture.image((start, top), Pixels { width: BAR, colors: row.repeat(16) }, 1);
    picture.text(&high, (start + BAR + 8, top), Align::Left, Size::Small, LABEL);
}

/// Pixels that [`draw_bar`] takes.
fn bar_width(ends: [f64; 2]) -> usize {
    ends.map(|end| Size::Small.width(&number(end)) + 8).iter().sum::<usize>() + BAR
}

/// A whole number as it is, any other in three digits.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size.fract() == 0.0 && size < 1e6 => value.to_string(),
        size if (0.01..1000.0).contains(&size) => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}
