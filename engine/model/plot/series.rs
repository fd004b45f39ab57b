//! How series and classes are told apart: by colours, and where those end by dashes, rings and stripes in the same colours.

use super::palette::{PAPER, SERIES};
use super::picture::{Color, Picture, Point};

/// Pixels of line and gap in turns, for each round of the colours; the first round is drawn through.
const DASHES: [&[f64]; 4] = [&[], &[14.0, 8.0], &[1.0, 7.0], &[14.0, 7.0, 1.0, 7.0]];

/// Circles in a dot, as shares of its width, paper and colour in turns.
const RINGS: [&[f64]; 4] = [&[], &[0.5], &[0.75, 0.4], &[0.85, 0.6, 0.3]];

/// How one of several series or classes looks. No two of the first 32 look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub color: Color,
    /// How often all colours are taken already.
    round: usize,
}

impl Style {
    /// Of series or class `number`.
    pub fn of(number: usize) -> Self {
        Self { color: SERIES[number % SERIES.len()], round: number / SERIES.len() % DASHES.len() }
    }

    /// Draws a curve through `points`.
    pub fn curve(self, picture: &mut Picture, points: &[Point], width: f64) {
        match DASHES[self.round] {
            [] => picture.line(points, width, self.color),
            dashes => pieces(points, dashes).iter().for_each(|piece| picture.line(piece, width, self.color)),
        }
    }

    /// Draws a dot.
    pub fn dot(self, picture: &mut Picture, place: Point, width: f64) {
        picture.line(&[place], width, self.color);
        for (&share, color) in RINGS[self.round].iter().zip([PAPER, self.color, PAPER]) {
            picture.line(&[place], width * share, color);
        }
    }

    /// Whether the point at `row` and `column` of a field of this class lies on a stripe.
    pub fn is_stripe(self, row: usize, column: usize) -> bool {
        const EVERY: usize = 6;
        let (falls, rises) =
            ((row + EVERY - column % EVERY).is_multiple_of(EVERY), (row + column).is_multiple_of(EVERY));
        match self.round {
            0 => false,
            1 => falls,
            2 => rises,
            _ => falls || rises,
        }
    }
}

/// What is drawn of a line through `points`.
fn pieces(points: &[Point], dashes: &[f64]) -> Vec<Vec<Point>> {
    let mut turns = dashes.iter().copied().cycle();
    let (mut left, mut drawn) = (turns.next().unwrap_or(f64::INFINITY), true);
    let mut pieces = vec![points[..points.len().min(1)].to_vec()];
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let rest = (to.0 - from.0).hypot(to.1 - from.1);
            let end = if rest > left { along(from, to, left / rest) } else { to };
            if let Some(piece) = pieces.last_mut().filter(|_| drawn) {
                piece.push(end);
            }
            if rest <= left {
                left -= rest;
                break;
            }
            (from, drawn, left) = (end, !drawn, turns.next().unwrap_or(f64::INFINITY));
            if drawn {
                pieces.push(vec![from]);
            }
        }
    }
    pieces
}

/// The point after `part` of the way.
fn along(from: Point, to: Point, part: f64) -> Point {
    (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_follow_the_line_around_its_corners() {
        let corner = [(0.0, 0.0), (10.0, 0.0), (10.0, 20.0)];
        let found = pieces(&corner, &[14.0, 8.0]);
        assert_eq!(found, [vec![(0.0, 0.0), (10.0, 0.0), (10.0, 4.0)], vec![(10.0, 12.0), (10.0, 20.0)]]);
        assert_eq!(pieces(&corner, &[f64::INFINITY]), [corner.to_vec()]);
        assert!(pieces(&[], &[1.0]).concat().is_empty());
    }

    #[test]
    fn no_two_of_thirty_two_look_alike() {
        let drawn = |number: usize, draw: fn(Style, &mut Picture)| {
            let mut picture = Picture::new(80, 12);
            draw(Style::of(number), &mut picture);
            picture.pixels().colors
        };
        let curve =
            |style: Style, picture: &mut Picture| style.curve(picture, &[(4.0, 6.0), (76.0, 6.0)], 2.6);
        let dot = |style: Style, picture: &mut Picture| style.dot(picture, (20.0, 6.0), 10.0);
        for draw in [curve as fn(Style, &mut Picture), dot] {
            let all: Vec<Vec<Color>> = (0..32).map(|number| drawn(number, draw)).collect();
            for (i, one) in all.iter().enumerate() {
                let differing = |other: &Vec<Color>| one.iter().zip(other).filter(|(a, b)| a != b).count();
                assert!(all[..i].iter().all(|other| differing(other) >= 12), "series {i}");
            }
        }
        let stripes = |number: usize| {
            let style = Style::of(number);
            (0..36).filter(|i| style.is_stripe(i / 6, i % 6)).collect::<Vec<_>>()
        };
        let rounds: Vec<Vec<usize>> = [0, 8, 16, 24].map(stripes).to_vec();
        assert!((0..4).all(|i| rounds[..i].iter().all(|other| *other != rounds[i])));
    }
}
