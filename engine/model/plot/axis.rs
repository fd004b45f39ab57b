//! Axes: where values lie, and which numbers stand beside them.

/// Values beyond this are left out like NaN: the width of the axis would overflow.
const LARGEST: f64 = 1e300;

/// Whether a value has a place on an axis.
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// A range of values and the distance between its ticks.
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    step: f64,
}

impl Axis {
    /// `count` numbers from `first` on; a single one stands in the middle.
    pub fn numbers(first: f64, count: usize) -> Self {
        if count < 2 {
            return Self { low: first - 0.5, high: first + 0.5, step: 1.0 };
        }
        let high = first + (count - 1) as f64;
        Self { low: first, high, step: round_step(high - first, 10.0).max(1.0) }
    }

    /// From `low` to `high`, in at most `count` steps.
    pub fn between(low: f64, high: f64, count: f64) -> Self {
        Self { low, high, step: round_step(high - low, count) }
    }

    /// All drawable values with a margin, in at most `count` steps; from 0 on where that costs little of the height.
    pub fn around(values: impl Iterator<Item = f64>, count: f64) -> Self {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) =
            values.filter(|&v| drawable(v)).fold(ends, |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Self { low: 0.0, high: 1.0, step: 0.2 };
        }
        // Ticks need distinct numbers: a (nearly) constant curve gets a range of a tenth of its value.
        let least = (high.abs().max(low.abs()) * 1e-9).max(f64::MIN_POSITIVE * 1e16);
        let margin = match high - low {
            spread if spread > least => spread * 0.06,
            _ if high == 0.0 => 1.0,
            _ => high.abs().max(least) * 0.05,
        };
        let from_zero = low >= 0.0 && low <= 0.4 * high;
        let (low, high) = (if from_zero { 0.0 } else { low - margin }, high + margin);
        Self::between(low, high, count)
    }

    pub fn fraction(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub fn ticks(&self) -> impl Iterator<Item = f64> {
        let first = (self.low / self.step).ceil();
        let last = (self.high / self.step).floor();
        (0..=(last - first) as usize).map(move |i| (first + i as f64) * self.step)
    }

    /// A tick in as many digits as tell it from its neighbours.
    pub fn number(&self, tick: f64) -> String {
        if tick == 0.0 && self.step < 1e-6 {
            return "0".into();
        }
        let tick = tick + 0.0; // -0.0 becomes 0.0
        let largest = self.low.abs().max(self.high.abs());
        let exponent = self.step.log10().floor();
        if (-5.0..7.0).contains(&largest.log10()) && exponent >= -6.0 {
            return format!("{tick:.*}", (-exponent).max(0.0) as usize);
        }
        let digits = (largest.log10().floor() - exponent).max(0.0) as usize;
        format!("{tick:.digits$e}")
    }
}

/// 1, 2 or 5 times a power of ten, so that `span` holds at most `count` steps.
fn round_step(span: f64, count: f64) -> f64 {
    let least = span / count;
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_told_apart() {
        let axis = Axis::around([0.12, 1.83].into_iter(), 8.0);
        let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
        assert_eq!(numbers, ["0.0", "0.5", "1.0", "1.5"]);
        let axis = Axis::around([-3e-9, 8e-9].into_iter(), 8.0);
        let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
        assert_eq!(numbers, ["-2e-9", "0", "2e-9", "4e-9", "6e-9", "8e-9"]);
        let axis = Axis::around([-1.0, 1.0].into_iter(), 8.0);
        assert!(axis.ticks().all(|tick| axis.number(tick) != "-0.0"));
        for (low, high) in [(0.9931, 0.9932), (-3e-9, 8e-9), (1e7, 1.5e9), (100.0, 100.3)] {
            let axis = Axis::around([low, high].into_iter(), 8.0);
            let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
            let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
            assert!(numbers.len() >= 3 && distinct.len() == numbers.len(), "{numbers:?}");
        }
    }
}
