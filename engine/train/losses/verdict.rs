use std::fmt;

/// What the course says of a cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 0
    Perfect,
    /// under 0.02
    Great,
    /// under 0.05
    Good,
    /// under 0.20
    Acceptable,
    /// 0.20 to 0.30, of which the course says nothing
    Unrated,
    /// over 0.30
    NotGood,
    /// over 1
    Bad,
    /// over 2
    Horrible,
    /// NaN, or below 0: no cross-entropy
    Invalid,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perfect => "perfect match",
            Self::Great => "great",
            Self::Good => "good",
            Self::Acceptable => "acceptable",
            Self::Unrated => "between acceptable and not good",
            Self::NotGood => "not good",
            Self::Bad => "bad",
            Self::Horrible => "horrible",
            Self::Invalid => "no cross-entropy",
        })
    }
}

/// The course's verdict on a cross-entropy `loss`.
///
/// ```
/// use gradus::rate_cross_entropy;
/// assert_eq!(rate_cross_entropy(0.01).to_string(), "great");
/// assert_eq!(rate_cross_entropy(1.5).to_string(), "bad");
/// ```
pub fn rate_cross_entropy(loss: f64) -> Verdict {
    match loss {
        x if x.is_nan() || x < 0.0 => Verdict::Invalid,
        0.0 => Verdict::Perfect,
        x if x < 0.02 => Verdict::Great,
        x if x < 0.05 => Verdict::Good,
        x if x < 0.20 => Verdict::Acceptable,
        x if x <= 0.30 => Verdict::Unrated,
        x if x <= 1.0 => Verdict::NotGood,
        x if x <= 2.0 => Verdict::Bad,
        _ => Verdict::Horrible,
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict::*, rate_cross_entropy};

    #[test]
    fn verdicts_are_the_courses() {
        let cases = [
            (0.0, Perfect),
            (0.019, Great),
            (0.02, Good),
            (0.05, Acceptable),
            (0.2, Unrated),
            (0.3, Unrated),
        ];
        let more =
            [(0.31, NotGood), (1.0, NotGood), (1.01, Bad), (2.0, Bad), (2.1, Horrible), (-0.1, Invalid)];
        for (loss, verdict) in cases.into_iter().chain(more) {
            assert_eq!(rate_cross_entropy(loss), verdict, "{loss}");
        }
        assert_eq!(rate_cross_entropy(f64::NAN), Invalid);
    }
}
