//! What moves elements and computes nothing.

use serde_json::json;

use super::known::{BATCH, single, worked_out};
use super::options::{int, ints, text};
use super::value::{Ready, Tracked, Value};
use super::windows::sides;
use super::{Import, Outcome, Read, Weights};
use crate::formats::onnx::{Node, Numbers};

pub(super) const NODES: &[(&str, Read)] = &[
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("Transpose", transpose),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
    ("Concat", concat),
    ("Pad", pad),
    ("Slice", slice),
];

fn flatten(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let axis = int(node, "axis", 1)?;
    if value.axis(axis)? != 1 || value.batch_axis() != 0 {
        return Err(format!("has axis {axis}, where gradus keeps the samples apart alone"));
    }
    let order = value.batch_first();
    let ready = import.arranged(&value, &order, false)?;
    flat(import, ready).map(|ready| vec![Value::Tensor(Tracked::new(ready))])
}

/// A sample as one row.
fn flat(import: &mut Import<'_>, ready: Ready) -> Outcome<Ready> {
    if ready.sample.len() == 1 {
        return Ok(ready);
    }
    import.layer("Flatten", json!({}), &[&ready], Weights::default())
}

/// All axes up to that of the samples stay; those behind it become others.
fn reshape(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let sizes = import.ints(node, 1)?.ok_or("has no known shape")?;
    let (batch, own) = (value.batch_axis(), value.sizes());
    let unlike = || {
        format!("gives a value of sizes {own:?} the shape {sizes:?}, where gradus keeps the samples apart")
    };
    let copied = int(node, "allowzero", 0)? == 0;
    // The samples may be called by their number, as what is left, or, where the file was made for one alone, 1.
    let is_batch = |size: i64| [BATCH, -1, 1].contains(&size) || (size == 0 && copied);
    if sizes.len() <= batch
        || !is_batch(sizes[batch])
        || (sizes[batch] == -1 && sizes[batch + 1..].contains(&-1))
    {
        return Err(unlike());
    }
    let same =
        |axis: usize| (sizes[axis] == 0 && copied) || own[axis].map(|size| size as i64) == Some(sizes[axis]);
    let rest = &sizes[batch + 1..];
    if !(0..batch).all(same) || rest.contains(&BATCH) {
        return Err(unlike());
    }
    let from: Vec<usize> = own[batch + 1..].iter().flatten().copied().collect();
    let rest = worked_out(rest, &from)?;
    let order = value.batch_first();
    let kept: Vec<usize> = own[..batch].iter().flatten().copied().collect();
    let sample = [kept, rest].concat();
    let ready = import.arranged(&value, &order, false)?;
    let ready = if sample.len() == 1 { flat(import, ready)? } else { import.reshaped(ready, sample)? };
    let rank = ready.sample.len() + 1;
    let order: Vec<usize> = std::iter::once(batch).chain((0..rank).filter(|&axis| axis != batch)).collect();
    Ok(vec![Value::Tensor(Tracked { positive: value.positive, ..Tracked::ordered(ready, &order) })])
}

fn transpose(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let rank = value.axes.len();
    let order = ints(node, "perm")?.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank as i64).collect::<Vec<_>>() {
        return Err(format!("puts {rank} axes in the order {order:?}"));
    }
    let axes = order.iter().map(|&axis| value.axes[axis as usize]).collect();
    Ok(vec![Value::Tensor(Tracked { axes, ..value })])
}

/// The axes that a node names, as an option or as an input.
fn axes(import: &Import<'_>, node: &Node) -> Outcome<Vec<i64>> {
    let axes = ints(node, "axes")?.map_or_else(|| import.ints(node, 1), |axes| Ok(Some(axes)))?;
    axes.ok_or_else(|| "has no axes".into())
}

fn squeeze(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let mut value = import.tensor(node, 0)?;
    let axes = axes(import, node)?.iter().map(|&axis| value.axis(axis)).collect::<Outcome<Vec<_>>>()?;
    let sizes = value.sizes();
    if let Some(&wrong) = axes.iter().find(|&&axis| sizes[axis] != Some(1)) {
        return Err(format!("takes away axis {wrong} of a value of sizes {sizes:?}"));
    }
    // Where the symbol has one of them, it is arranged without.
    if axes.iter().any(|&axis| value.axes[axis].is_some()) {
        let order = value.batch_first();
        let ready = import.arranged(&value, &order, true)?;
        let kept: Vec<usize> = order.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let sample = kept.iter().filter_map(|&axis| sizes[axis]).collect();
        let ready = import.reshaped(ready, sample)?;
        let mut places = vec![None; sizes.len()];
        kept.iter().enumerate().for_each(|(place, &axis)| places[axis] = Some(place));
        value = Tracked { ready, axes: places, positive: value.positive };
    }
    let kept =
        value.axes.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, place)| *place);
    Ok(vec![Value::Tensor(Tracked { axes: kept.collect(), ..value })])
}

fn unsqueeze(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let new = axes(import, node)?;
    let rank = value.axes.len() + new.len();
    if rank > super::MOST_AXES {
        return Err(format!("gives a value {rank} axes, expected at most {}", super::MOST_AXES));
    }
    let mut old = value.axes.iter();
    let places =
        (0..rank as i64).map(|axis| match new.contains(&axis) || new.contains(&(axis - rank as i64)) {
            true => Some(None),
            false => old.next().copied(),
        });
    let places: Option<Vec<Option<usize>>> = places.collect();
    let places = places.filter(|_| old.next().is_none());
    let axes = places.ok_or_else(|| format!("adds axes {new:?} to a value of {}", value.axes.len()))?;
    Ok(vec![Value::Tensor(Tracked { axes, ..value })])
}

fn concat(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let values =
        (0..node.inputs.len()).map(|number| import.tensor(node, number)).collect::<Outcome<Vec<_>>>()?;
    let first = values.first().ok_or("has no inputs")?;
    let axis = first.axis(int(node, "axis", 1)?)?;
    if values.iter().any(|value| value.axes.len() != first.axes.len()) || axis == first.batch_axis() {
        return Err("joins samples, or values of different numbers of axes".into());
    }
    // As the first lies, if its axes are all its symbol's.
    let mut order: Vec<usize> = first.batch_first();
    if first.axes.iter().all(Option::is_some) {
        order.sort_by_key(|&axis| first.axes[axis]);
    }
    let ready =
        values.iter().map(|value| import.arranged(value, &order, true)).collect::<Outcome<Vec<_>>>()?;
    let place = order.iter().position(|&own| own == axis).unwrap_or(0);
    let all: Vec<&Ready> = ready.iter().collect();
    let ready = match all.as_slice() {
        [one] => (*one).clone(),
        all => import.layer("Concatenate", json!({ "axis": place }), all, Weights::default())?,
    };
    let positive = values.iter().all(|value| value.positive);
    Ok(vec![Value::Tensor(Tracked { positive, ..Tracked::ordered(ready, &order) })])
}

/// Zeros around a value.
fn pad(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let is_zero =
        import.known(node, 2).map_or_else(|| !import.has(node, 2), |fill| single(fill) == Some(0.0));
    if text(node, "mode", "constant")? != "constant" || !is_zero {
        return Err("pads by something else than zeros".into());
    }
    if import.has(node, 3) {
        return Err("names its axes: export it with pads for all".into());
    }
    let pads =
        ints(node, "pads")?.map_or_else(|| import.ints(node, 1), |pads| Ok(Some(pads)))?.unwrap_or_default();
    let given = sides(&pads, value.axes.len())?;
    let mut around = vec![(0, 0); value.ready.sample.len()];
    for (axis, &sides) in given.iter().enumerate().filter(|(_, sides)| **sides != (0, 0)) {
        let place = value.axes[axis].filter(|&place| place > 0);
        around[place.ok_or("pads the axis of the samples, or one of size 1")? - 1] = sides;
    }
    let ready = import.framed("ZeroPadding2D", "padding", value.ready.clone(), &around)?;
    Ok(vec![Value::Tensor(Tracked { positive: value.positive, ..value.with(ready) })])
}

/// Neighbours along each axis.
fn slice(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let list = |number: usize, name: &str| -> Outcome<Option<Vec<i64>>> {
        ints(node, name)?.map_or_else(|| import.ints(node, number), |list| Ok(Some(list)))
    };
    let (starts, ends) = (list(1, "starts")?.unwrap_or_default(), list(2, "ends")?.unwrap_or_default());
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    if import.ints(node, 4)?.is_some_and(|steps| steps.iter().any(|&step| step != 1)) {
        return Err("leaves positions out, or goes backwards".into());
    }
    let mut value = value;
    for ((&start, &end), &axis) in starts.iter().zip(&ends).zip(&axes) {
        let axis = value.axis(axis)?;
        let size = value.sizes()[axis].ok_or("takes some of the samples")?;
        let counted = |place: i64| if place < 0 { place.saturating_add(size as i64) } else { place };
        let [first, end] = [start, end].map(|place| counted(place).clamp(0, size as i64) as usize);
        let count = end.checked_sub(first).filter(|&count| count > 0).ok_or("takes nothing")?;
        value = cut(import, &value, axis, first, count)?;
    }
    Ok(vec![Value::Tensor(value)])
}

/// `count` neighbours from `first` on along an axis.
fn cut(
    import: &mut Import<'_>,
    value: &Tracked,
    axis: usize,
    first: usize,
    count: usize,
) -> Outcome<Tracked> {
    let Some(place) = value.axes[axis].filter(|&place| place > 0) else { return Ok(value.clone()) };
    let mut around = vec![(0, 0); value.ready.sample.len()];
    around[place - 1] = (first, value.ready.sample[place - 1] - first - count);
    let ready = import.framed("Cropping2D", "cropping", value.ready.clone(), &around)?;
    Ok(Tracked { positive: value.positive, ..value.with(ready) })
}

/// One position along an axis, which goes.
pub(super) fn position(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let number = match import.known(node, 1).map(|array| (&array.values, array.shape.len())) {
        Some((Numbers::Ints(numbers), 0)) => numbers[0],
        _ => return Err("takes several positions, or ones that are not known".into()),
    };
    let axis = value.axis(int(node, "axis", 0)?)?;
    let size = value.sizes()[axis].ok_or("takes one of the samples")?;
    let number = if number < 0 { number.saturating_add(size as i64) } else { number };
    let number = usize::try_from(number)
        .ok()
        .filter(|&number| number < size)
        .ok_or("takes a position that is not there")?;
    let one = cut(import, &value, axis, number, 1)?;
    let order = one.batch_first();
    let kept: Vec<usize> = order.iter().copied().filter(|&own| own != axis).collect();
    let sizes = one.sizes();
    let ready = import.arranged(&one, &order, false)?;
    let ready = import.reshaped(ready, kept.iter().filter_map(|&axis| sizes[axis]).collect())?;
    let order: Vec<usize> = kept.iter().map(|&own| if own > axis { own - 1 } else { own }).collect();
    Ok(vec![Value::Tensor(Tracked { positive: value.positive, ..Tracked::ordered(ready, &order) })])
}
