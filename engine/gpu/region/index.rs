//! Index arithmetic: which element of one array belongs to element i of another.

use crate::graph::PieceAxis;
use crate::tensor::{Dim, Shape};

/// How often a value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Once for all, or once a row.
    Row,
    /// For every element.
    Element,
}

/// Which element of a node is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Index {
    /// The WGSL expression, less `start`.
    pub text: String,
    /// What is added to it. A binding may start there, so that kernels which differ in nothing else have one text.
    pub start: usize,
    /// How often it changes.
    pub level: Level,
    /// Whether four elements are meant, from this one on.
    pub spread: bool,
}

impl Index {
    /// The element that `text` numbers.
    pub fn new(text: impl Into<String>, level: Level, spread: bool) -> Self {
        Self { text: text.into(), start: 0, level, spread }
    }

    /// The only element of a value that has one.
    pub fn zero() -> Self {
        Self::new("0u", Level::Row, false)
    }

    /// The WGSL expression.
    pub fn whole(&self) -> String {
        if self.start == 0 { self.text.clone() } else { format!("{} + {}u", self.text, self.start) }
    }

    /// Whether it is the kernel's own element.
    pub fn is_element(&self) -> bool {
        self.start == 0 && self.text == "i"
    }

    /// The same element where rows of `row` elements lie `stride` apart.
    pub fn in_rows(&self, [row, stride]: [usize; 2]) -> String {
        let i = &self.text;
        format!("({i}) / {row}u * {stride}u + ({i}) % {row}u")
    }

    /// The same element in an output of `count` elements, which has a row for each step or for each sample.
    pub fn in_output(&self, count: Dim) -> String {
        let first = if count.batch { "step.offset" } else { "step.row" };
        match (count.batch, count.factor) {
            (false, 1) => first.into(),
            (true, 1) => format!("{first} + {}", self.text),
            (_, row) => format!("{first} * {row}u + {}", self.text),
        }
    }
}

/// `(i / inner) % size * stride`: the part of an index that some neighbouring axes give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Elements for each step along the axes.
    pub inner: Dim,
    /// Their joint size; `None` for the outermost, which never wraps.
    pub size: Option<Dim>,
    /// Elements of the other array for each step.
    pub stride: Dim,
}

/// The product of two sizes of one shape: at most one holds the batch.
pub fn times(a: Dim, b: Dim) -> Dim {
    Dim { factor: a.factor * b.factor, batch: a.batch || b.batch }
}

/// The distance between neighbours along each axis of a row-major `shape`.
pub fn strides(shape: &[Dim]) -> Vec<Dim> {
    let mut stride = Dim::fixed(1);
    let mut next = |&size: &Dim| {
        let below = stride;
        stride = times(stride, size);
        below
    };
    let mut strides: Vec<Dim> = shape.iter().rev().map(&mut next).collect();
    strides.reverse();
    strides
}

/// The terms of an index over `axes`, each with its stride in the other array; `None` where the other has
/// no such axis, so that all positions along it read the same. Neighbours that move alike are joined.
pub fn terms(axes: &[(Dim, Option<Dim>)]) -> Vec<Term> {
    let mut joined: Vec<(Dim, Option<Dim>)> = Vec::new();
    for &(size, stride) in axes.iter().filter(|(size, _)| !size.is_one()) {
        match (joined.last_mut(), stride) {
            (Some((outer, None)), None) => *outer = times(*outer, size),
            (Some((outer, Some(above))), Some(below)) if *above == times(below, size) => {
                (*outer, *above) = (times(*outer, size), below);
            }
            _ => joined.push((size, stride)),
        }
    }
    let inner = strides(&joined.iter().map(|axis| axis.0).collect::<Vec<_>>());
    let term = |(k, (size, stride)): (usize, &(Dim, Option<Dim>))| {
        stride.map(|stride| Term { inner: inner[k], size: (k > 0).then_some(*size), stride })
    };
    joined.iter().enumerate().filter_map(term).collect()
}

/// The terms that find the element of `from` which broadcasting puts at an element of `to`.
pub fn broadcast(from: &Shape, to: &Shape) -> Vec<Term> {
    let steps = strides(&from.0);
    let extra = to.rank() - from.rank();
    let axis = |(k, &size): (usize, &Dim)| {
        let kept = k >= extra && !from.0[k - extra].is_one();
        (size, kept.then(|| steps[k - extra]))
    };
    terms(&to.0.iter().enumerate().map(axis).collect::<Vec<_>>())
}

/// The terms that find, for an element of a reduction's result, its first operand, and those that find,
/// for each further one, its distance from the first.
pub fn reduction(operand: &Shape, axes: &[usize]) -> [Vec<Term>; 2] {
    let steps = strides(&operand.0);
    let along = |reduced: bool| {
        let kept = (0..operand.rank()).filter(|axis| axes.contains(axis) == reduced);
        terms(&kept.map(|axis| (operand.0[axis], Some(steps[axis]))).collect::<Vec<_>>())
    };
    [along(false), along(true)]
}

/// The terms that find the element of `operand` which a transposition puts at an element of its result.
pub fn transposition(operand: &Shape, order: &[usize]) -> Vec<Term> {
    let steps = strides(&operand.0);
    terms(&order.iter().map(|&axis| (operand.0[axis], Some(steps[axis]))).collect::<Vec<_>>())
}

/// The terms that count along one axis of `shape`.
pub fn iota(shape: &Shape, axis: usize) -> Vec<Term> {
    let along = |(k, &size): (usize, &Dim)| (size, (k == axis).then_some(Dim::fixed(1)));
    terms(&shape.0.iter().enumerate().map(along).collect::<Vec<_>>())
}

/// Whether the terms find the same for indices that lie `start` apart.
pub fn wraps(terms: &[Term], start: usize) -> bool {
    let round = |t: &Term| t.size.map(|size| times(t.inner, size)).filter(|round| !round.batch);
    terms.iter().all(|t| round(t).is_some_and(|round| start.is_multiple_of(round.factor)))
}

/// For element `i` of a result of which `axes` are a part: the element of the part's input, and the conditions
/// under which `i` is in the part.
pub fn moved(axes: &[PieceAxis], i: &str) -> (Index, Vec<String>) {
    let inner = strides(&axes.iter().map(|axis| axis.size).collect::<Vec<_>>());
    let below = strides(&axes.iter().map(|axis| axis.from).collect::<Vec<_>>());
    let (mut sum, mut start, mut conditions) = (Vec::new(), 0, Vec::new());
    for (k, axis) in axes.iter().enumerate().filter(|(_, axis)| !(axis.size.is_one() && axis.from.is_one())) {
        let wraps = (k > 0).then_some(axis.size);
        let term = Term { inner: inner[k], size: wraps, stride: Dim::fixed(1) };
        let mut at = format!("({})", text(&[term], i));
        if !axis.covers() {
            conditions.extend(within(axis, &at));
            at = match axis.first {
                0 => at,
                first => format!("({at} - {first}u)"),
            };
            at = if axis.every == 1 { at } else { format!("({at} / {}u)", axis.every) };
        }
        let apart = axis.step > 0 && !below[k].batch;
        start += if apart { axis.start * below[k].factor } else { 0 };
        at = match (axis.step, if apart { 0 } else { axis.start }) {
            (1, 0) => at,
            (1, start) => format!("({start}u + {at})"),
            (step, 0) if step > 0 => format!("({at} * {step}u)"),
            (step, start) if step > 0 => format!("({start}u + {at} * {step}u)"),
            (step, start) => format!("({start}u - {at} * {}u)", step.unsigned_abs()),
        };
        sum.push(if below[k].is_one() { at } else { format!("{at} * {}", size(below[k])) });
    }
    let text = if sum.is_empty() { "0u".into() } else { sum.join(" + ") };
    (Index { start, ..Index::new(text, Level::Element, false) }, conditions)
}

/// The conditions under which position `at` of the result is one of `axis`.
fn within(axis: &PieceAxis, at: &str) -> Vec<String> {
    let end = axis.first + axis.every * axis.count.factor;
    let mut conditions = Vec::new();
    if axis.first > 0 {
        conditions.push(format!("{at} >= {}u", axis.first));
    }
    if end < axis.size.factor {
        conditions.push(format!("{at} < {end}u"));
    }
    if axis.every > 1 {
        conditions.push(format!("({at} - {}u) % {}u == 0u", axis.first, axis.every));
    }
    conditions
}

/// Whether four neighbours from a multiple of four on are in a part together, and lie side by side in its input.
pub fn moves_fours(axes: &[PieceAxis]) -> bool {
    let Some(last) = axes.last() else { return false };
    let places = [last.first, last.start, last.count.factor, last.size.factor, last.from.factor];
    last.is_dense() && places.iter().all(|n| n.is_multiple_of(4))
}

/// Whether four neighbours from a multiple of four on find four neighbours from a multiple of four on.
pub fn keeps_fours(terms: &[Term]) -> bool {
    let one = Dim::fixed(1);
    let along = |t: &Term| {
        t.inner == one && t.stride == one && t.size.is_none_or(|size| size.factor.is_multiple_of(4))
    };
    let apart = |t: &Term| t.inner.factor.is_multiple_of(4) && t.stride.factor.is_multiple_of(4);
    terms.iter().filter(|t| along(t)).count() == 1 && terms.iter().all(|t| along(t) || apart(t))
}

/// Whether four neighbours from a multiple of four on all find the same element.
pub fn joins_fours(terms: &[Term]) -> bool {
    terms.iter().all(|t| t.inner.factor.is_multiple_of(4))
}

/// A size in WGSL.
pub fn size(size: Dim) -> String {
    match (size.batch, size.factor) {
        (false, n) => format!("{n}u"),
        (true, 1) => "step.batch".into(),
        (true, n) => format!("({n}u * step.batch)"),
    }
}

/// The sum of the terms of index `i` in WGSL.
pub fn text(terms: &[Term], i: &str) -> String {
    let term = |t: &Term| {
        let mut text = i.to_string();
        if !t.inner.is_one() {
            text = format!("{text} / {}", size(t.inner));
        }
        if let Some(n) = t.size {
            text = format!("{text} % {}", size(n));
        }
        if !t.stride.is_one() {
            text = format!("{text} * {}", size(t.stride));
        }
        text
    };
    match terms {
        [] => "0u".into(),
        [only] => term(only),
        several => several.iter().map(|t| format!("({})", term(t))).collect::<Vec<_>>().join(" + "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(terms: &[Term], i: usize, batch: usize) -> usize {
        let term = |t: &Term| {
            let i = i / t.inner.at(batch);
            t.size.map_or(i, |size| i % size.at(batch)) * t.stride.at(batch)
        };
        terms.iter().map(term).sum()
    }

    #[test]
    fn broadcasting_finds_the_source_of_each_element() {
        let to = Shape::batched(&[4, 3, 8]);
        for from in [vec![8], vec![3, 1], vec![4, 1, 8], vec![4, 1, 1], vec![1, 1], vec![4, 3, 8]] {
            let from = Shape::fixed(&from);
            let terms = broadcast(&from, &to);
            let sizes = from.at(2);
            for i in 0..2 * 96 {
                let full = [i / 96, i / 24 % 4, i / 8 % 3, i % 8];
                let own = &full[4 - sizes.len()..];
                let expected =
                    sizes.iter().zip(own).fold(0, |at, (&n, &k)| at * n + if n == 1 { 0 } else { k });
                assert_eq!(at(&terms, i, 2), expected, "{from} in {to} at {i}");
            }
        }
    }

    #[test]
    fn neighbouring_axes_join() {
        let x = Shape::batched(&[4, 3, 8]);
        assert_eq!(text(&broadcast(&Shape::fixed(&[8]), &x), "i"), "i % 8u");
        assert_eq!(text(&broadcast(&Shape::fixed(&[4, 3, 8]), &x), "i"), "i % 96u");
        assert_eq!(text(&broadcast(&Shape::batched(&[4, 3, 1]), &x), "i"), "i / 8u");
        assert_eq!(text(&iota(&x, 3), "i"), "i % 8u");
    }

    #[test]
    fn a_transposition_moves_each_element() {
        let x = Shape::fixed(&[2, 3, 5]);
        let terms = transposition(&x, &[2, 0, 1]);
        for i in 0..30 {
            let (a, b, c) = (i / 6, i / 3 % 2, i % 3);
            assert_eq!(at(&terms, i, 1), b * 15 + c * 5 + a);
        }
    }

    #[test]
    fn a_reduction_visits_every_operand_once() {
        let [first, further] = reduction(&Shape::fixed(&[2, 3, 4, 5]), &[1, 3]);
        let mut seen: Vec<usize> = (0..8)
            .flat_map(|i| (0..15).map(move |r| (i, r)))
            .map(|(i, r)| at(&first, i, 1) + at(&further, r, 1))
            .collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..120));
    }

    /// Indices that lie a multiple of the period apart find the same.
    #[test]
    fn terms_wrap_at_their_period() {
        let to = Shape::batched(&[4, 3, 8]);
        for from in [vec![8], vec![3, 1], vec![3, 8], vec![4, 1, 8], vec![4, 3, 8]] {
            let terms = broadcast(&Shape::fixed(&from), &to);
            for start in [0, 4, 8, 12, 24, 48, 96] {
                let same = (0..96).all(|i| at(&terms, i, 2) == at(&terms, i + start, 2));
                assert_eq!(wraps(&terms, start), same, "{from:?} from {start} on");
            }
        }
        let of_samples = broadcast(&Shape::batched(&[1, 1, 1]), &to);
        assert!(!wraps(&of_samples, 96));
    }

    #[test]
    fn fours_are_kept_joined_or_neither() {
        let x = Shape::batched(&[6, 8]);
        assert!(keeps_fours(&broadcast(&Shape::fixed(&[8]), &x)));
        assert!(joins_fours(&broadcast(&Shape::fixed(&[6, 1]), &x)));
        let odd = broadcast(&Shape::fixed(&[6]), &Shape::batched(&[8, 6]));
        assert!(!keeps_fours(&odd) && !joins_fours(&odd));
    }
}
