//! Colours that people tell apart who see colours differently: those of Okabe and Ito (2008) for things of several kinds,
//! scales of one growing darkness for amounts, and blue against orange for what lies on two sides.

use super::picture::Color;

pub(super) const PAPER: Color = [255, 255, 255];
pub(super) const FIELD: Color = [248, 250, 252];
pub(super) const GRID: Color = [222, 228, 236];
pub(super) const AXIS: Color = [148, 163, 184];
pub(super) const TITLE: Color = [15, 23, 42];
pub(super) const LABEL: Color = [71, 85, 105];

pub(super) const BLUE: Color = [0, 114, 178];
pub(super) const VERMILLION: Color = [213, 94, 0];
pub(super) const GREEN: Color = [0, 158, 115];

/// Colours of series and classes, in order; [`Style`](super::series::Style) tells more apart. Of Okabe and Ito's eight, yellow is left out for a grey: it is hard to see on
/// white.
pub(super) const SERIES: [Color; 8] =
    [BLUE, VERMILLION, GREEN, [204, 121, 167], [230, 159, 0], [86, 180, 233], [105, 105, 105], [0, 0, 0]];

/// From little to much, on paper.
const BLUES: [Color; 3] = [[239, 246, 255], [107, 156, 211], [0, 68, 136]];

/// From little to much, on dark ground: dark blue over green to yellow, of evenly growing lightness.
const NIGHT: [Color; 5] = [[68, 1, 84], [59, 82, 139], [33, 144, 141], [93, 201, 99], [253, 231, 37]];

/// From one side over the middle to the other.
const SIDES: [Color; 3] = [BLUE, [247, 247, 247], VERMILLION];

/// A scale of colours over shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Light to dark, for tables with numbers.
    Blues,
    /// Dark to light, for images.
    Night,
    /// Blue below a half, orange above.
    Sides,
}

impl Scale {
    /// The colour of `share`, which is brought into 0 to 1.
    pub fn color(self, share: f64) -> Color {
        let anchors: &[Color] = match self {
            Self::Blues => &BLUES,
            Self::Night => &NIGHT,
            Self::Sides => &SIDES,
        };
        let place = share.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let below = (place as usize).min(anchors.len() - 2);
        blend(anchors[below], anchors[below + 1], place - below as f64)
    }
}

/// `over` laid on `under`, covering `part` of it.
pub(super) fn blend(under: Color, over: Color, part: f64) -> Color {
    std::array::from_fn(|i| {
        let (under, over) = (f64::from(under[i]), f64::from(over[i]));
        (under + (over - under) * part).round() as u8
    })
}

/// Text on `ground`: dark on light, light on dark.
pub(super) fn ink(ground: Color) -> Color {
    let [red, green, blue] = ground.map(f64::from);
    if 0.299 * red + 0.587 * green + 0.114 * blue > 140.0 { TITLE } else { PAPER }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What eyes without red, green or blue cones see of light: Machado, Oliveira and Fernandes 2009; and all of it.
    const EYES: [[[f64; 3]; 3]; 4] = [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ];

    /// sRGB's light in the coordinates of CIE 1931, over those of white.
    const XYZ: [[f64; 3]; 3] = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]];

    fn product(matrix: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    /// A colour in CIE's L*a*b*, as eyes see it: a distance of 2.3 is just seen.
    fn lab(color: Color, eyes: [[f64; 3]; 3]) -> [f64; 3] {
        let light = color.map(|part| match f64::from(part) / 255.0 {
            dark if dark <= 0.04045 => dark / 12.92,
            bright => ((bright + 0.055) / 1.055).powf(2.4),
        });
        let seen = product(eyes, light).map(|part| part.clamp(0.0, 1.0));
        let [x, y, z] = product(XYZ, seen)
            .map(|part| if part > 0.008856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// By four times what is just seen.
    #[test]
    fn series_are_told_apart_by_all_eyes() {
        for eyes in EYES {
            for (i, &first) in SERIES.iter().enumerate() {
                for &second in SERIES[..i].iter().chain([&PAPER]) {
                    let (a, b) = (lab(first, eyes), lab(second, eyes));
                    let distance = (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
                    assert!(distance >= 9.2, "{first:?} {second:?}: {distance}");
                }
            }
        }
    }

    #[test]
    fn scales_grow_evenly_dark_or_light() {
        let light = |color: Color| {
            let [r, g, b] = color.map(f64::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        let row =
            |scale: Scale| (0..=20).map(|i| light(scale.color(f64::from(i) / 20.0))).collect::<Vec<_>>();
        assert!(row(Scale::Blues).is_sorted_by(|a, b| a > b));
        assert!(row(Scale::Night).is_sorted_by(|a, b| a < b));
        assert_eq!([Scale::Sides.color(-3.0), Scale::Sides.color(0.5), Scale::Sides.color(1.0)], SIDES);
        assert_eq!([ink(BLUES[0]), ink(BLUES[2])], [TITLE, PAPER]);
    }
}
