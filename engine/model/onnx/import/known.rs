//! What can be computed before the model runs: shapes, padding, first states that are zero.

use std::collections::HashMap;

use super::value::Value;
use super::{Import, Outcome, options};
use crate::formats::onnx::{Array, Attribute, Graph, Node, Numbers};

/// Stands for the number of samples among integers that are sizes.
pub(super) const BATCH: i64 = i64::MIN;
/// Lists of sizes and pads are shorter.
const MOST: usize = 4096;

/// The arrays of the file, and those of its constant nodes, which leave the graph.
pub(super) fn constants(graph: &mut Graph) -> HashMap<String, Value> {
    let initializers = std::mem::take(&mut graph.initializers).into_iter();
    let mut known: HashMap<String, Value> =
        initializers.map(|(name, array)| (name, Value::Known(array))).collect();
    for node in graph.nodes.iter_mut().filter(|node| node.op == "Constant") {
        let Some((_, value)) = std::mem::take(&mut node.attributes).pop() else { continue };
        let array = match value {
            Attribute::Array(array) => array,
            Attribute::Int(value) => Array::ints(&[], vec![value]),
            Attribute::Ints(values) => Array::ints(&[values.len()], values),
            Attribute::Float(value) => Array::floats(&[], vec![value]),
            Attribute::Floats(values) => Array::floats(&[values.len()], values),
            _ => continue,
        };
        known.extend(node.outputs.first().map(|name| (name.clone(), Value::Known(array))));
    }
    known
}

impl Import<'_> {
    /// What `node` gives, if that is known before the model runs.
    pub fn fold(&mut self, node: &Node) -> Outcome<Option<Value>> {
        const KEEPS: [&str; 8] =
            ["Expand", "Slice", "Squeeze", "Unsqueeze", "Transpose", "Reshape", "Cast", "Identity"];
        let first = node.inputs.first().and_then(|name| self.values.get(name));
        let known = match (node.op.as_str(), first) {
            ("Shape", Some(Value::Tensor(value))) => {
                let size = |size: &Option<usize>| size.map_or(BATCH, |size| size as i64);
                Some(Value::Known(part(node, value.sizes().iter().map(size).collect())?))
            }
            ("ConstantOfShape", Some(Value::Known(shape))) => Some(filled(node, shape)),
            ("Expand", Some(Value::Known(array))) => single(array).map(Value::Filled),
            (op, Some(Value::Filled(value))) if KEEPS.contains(&op) => Some(Value::Filled(*value)),
            (_, Some(Value::Known(array))) => self.fold_array(node, array)?.map(Value::Known),
            _ => None,
        };
        if let Some(Value::Known(array)) = &known {
            self.charge(array.len())?;
        }
        Ok(known)
    }

    /// An array made of `array`.
    fn fold_array(&self, node: &Node, array: &Array) -> Outcome<Option<Array>> {
        let second = || match self.known(node, 1).map(|array| &array.values) {
            Some(Numbers::Ints(values)) => Some(values.as_slice()),
            _ => None,
        };
        Ok(match node.op.as_str() {
            "Identity" | "Cast" => Some(array.clone()),
            "Squeeze" | "Unsqueeze" if array.shape.len() <= 1 && array.len() == 1 => {
                let grows = usize::from(node.op == "Unsqueeze");
                Some(Array { shape: vec![1; grows], ..array.clone() })
            }
            "Transpose" => {
                let reversed = || (0..array.shape.len() as i64).rev().collect();
                let order = options::ints(node, "perm")?.unwrap_or_else(reversed);
                let order = order.iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX));
                Some(transposed(array, &order.collect::<Vec<_>>())?)
            }
            "Reshape" => second().map(|sizes| reshaped(array, sizes)).transpose()?,
            "Slice" => {
                let bounds =
                    [self.ints(node, 1)?, self.ints(node, 2)?, self.ints(node, 3)?, self.ints(node, 4)?];
                Some(sliced(array, bounds)?)
            }
            "Concat" => self.joined(node)?,
            "Gather" => second().map(|numbers| self.gathered(node, array, numbers)).transpose()?,
            "Mul" => second().and_then(|factors| product(array, factors)),
            _ => None,
        })
    }

    /// Integers one after the other.
    fn joined(&self, node: &Node) -> Outcome<Option<Array>> {
        let parts: Option<Vec<&Array>> =
            (0..node.inputs.len()).map(|number| self.known(node, number)).collect();
        let Some(parts) = parts else { return Ok(None) };
        let mut all = Vec::new();
        for part in parts {
            match &part.values {
                Numbers::Ints(values) if part.shape.len() == 1 && all.len() + values.len() <= MOST => {
                    all.extend(values);
                }
                _ => return Err("joins arrays that are no short lists of integers".into()),
            }
        }
        Ok(Some(Array::ints(&[all.len()], all)))
    }

    /// Some integers of a list. A table of floats is no list.
    fn gathered(&self, node: &Node, list: &Array, numbers: &[i64]) -> Outcome<Array> {
        let (Numbers::Ints(values), [_]) = (&list.values, list.shape.as_slice()) else {
            return Err("takes rows of an array by numbers that are known".into());
        };
        let take = |&number: &i64| {
            let number = if number < 0 { number.saturating_add(values.len() as i64) } else { number };
            usize::try_from(number).ok().and_then(|number| values.get(number)).copied()
        };
        let taken: Option<Vec<i64>> = numbers.iter().map(take).collect();
        let taken = taken.ok_or("takes integers that the list has not")?;
        let shape = self.known(node, 1).map_or(Vec::new(), |numbers| numbers.shape.clone());
        Ok(Array::ints(&shape, taken))
    }

    /// Whether input `number` of a node is left out or zero everywhere.
    pub fn is_zero(&self, node: &Node, number: usize) -> bool {
        match node.inputs.get(number).and_then(|name| self.values.get(name)) {
            Some(Value::Filled(value)) => *value == 0.0,
            Some(Value::Known(Array { values: Numbers::Floats(values), .. })) => {
                values.iter().all(|&v| v == 0.0)
            }
            Some(_) => false,
            None => !self.has(node, number),
        }
    }
}

/// The number that an array of one element holds.
pub(super) fn single(array: &Array) -> Option<f32> {
    match &array.values {
        Numbers::Floats(values) if values.len() == 1 => Some(values[0]),
        Numbers::Ints(values) if values.len() == 1 && values[0] != BATCH => Some(values[0] as f32),
        _ => None,
    }
}

/// From `start` to `end` of a list of sizes.
fn part(node: &Node, sizes: Vec<i64>) -> Outcome<Array> {
    let rank = sizes.len() as i64;
    let place = |name: &str, default: i64| -> Outcome<usize> {
        let place = options::int(node, name, default)?;
        Ok((if place < 0 { place + rank } else { place }).clamp(0, rank) as usize)
    };
    let (start, end) = (place("start", 0)?, place("end", rank)?);
    let sizes = sizes.get(start..end).unwrap_or_default().to_vec();
    Ok(Array::ints(&[sizes.len()], sizes))
}

/// One number everywhere: a short list as it is, all else as a number.
fn filled(node: &Node, shape: &Array) -> Value {
    let value = match node.attribute("value") {
        Some(Attribute::Array(array)) => array.clone(),
        _ => Array::floats(&[1], vec![0.0]),
    };
    match (&value.values, &shape.values) {
        (Numbers::Ints(value), Numbers::Ints(sizes))
            if sizes.len() == 1 && (0..=MOST as i64).contains(&sizes[0]) =>
        {
            let number = value.first().copied().unwrap_or(0);
            Value::Known(Array::ints(&[sizes[0] as usize], vec![number; sizes[0] as usize]))
        }
        _ => Value::Filled(single(&value).unwrap_or(f32::NAN)),
    }
}

fn product(array: &Array, factors: &[i64]) -> Option<Array> {
    let Numbers::Ints(values) = &array.values else { return None };
    let times = |(&a, &b): (&i64, &i64)| a.checked_mul(b).filter(|_| a != BATCH && b != BATCH);
    let all: Option<Vec<i64>> = values.iter().zip(factors).map(times).collect();
    all.filter(|all| all.len() == values.len()).map(|all| Array::ints(&array.shape, all))
}

/// Sizes with one that is −1 worked out, and those that are 0 taken from `from`.
pub(super) fn worked_out(sizes: &[i64], from: &[usize]) -> Outcome<Vec<usize>> {
    let wrong = || format!("gives {from:?} the shape {sizes:?}");
    let total = from.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).ok_or_else(wrong)?;
    let kept =
        |(axis, &size): (usize, &i64)| if size == 0 { from.get(axis).map_or(0, |&s| s as i64) } else { size };
    let sizes: Vec<i64> = sizes.iter().enumerate().map(kept).collect();
    let others = sizes.iter().filter(|&&size| size != -1).try_fold(1usize, |product, &size| {
        usize::try_from(size).ok().and_then(|size| product.checked_mul(size))
    });
    let others = others.filter(|&others| others > 0 && total % others == 0).ok_or_else(wrong)?;
    let found = sizes.iter().map(|&size| if size == -1 { total / others } else { size as usize });
    let found: Vec<usize> = found.collect();
    let count = found.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if count == Some(total) { Ok(found) } else { Err(wrong()) }
}

fn reshaped(array: &Array, sizes: &[i64]) -> Outcome<Array> {
    Ok(Array { shape: worked_out(sizes, &array.shape)?, ..array.clone() })
}

/// Axis i of the result is axis `order[i]` of `array`.
pub(super) fn transposed(array: &Array, order: &[usize]) -> Outcome<Array> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted != (0..array.shape.len()).collect::<Vec<_>>() {
        return Err(format!("puts the axes of an array of shape {:?} in the order {order:?}", array.shape));
    }
    let stride = |axis: usize| array.shape[axis + 1..].iter().product::<usize>();
    let axes = order.iter().map(|&axis| (0..array.shape[axis]).map(|i| i * stride(axis)).collect()).collect();
    Ok(picked(array, axes))
}

/// Bounds, axes and steps as ONNX counts them.
fn sliced(array: &Array, [starts, ends, axes, steps]: [Option<Vec<i64>>; 4]) -> Outcome<Array> {
    let (starts, ends) = (starts.unwrap_or_default(), ends.unwrap_or_default());
    let numbered = || (0..starts.len() as i64).collect();
    let (axes, steps) = (axes.unwrap_or_else(numbered), steps.unwrap_or_else(|| vec![1; starts.len()]));
    let stride = |axis: usize| array.shape[axis + 1..].iter().product::<usize>();
    let mut places: Vec<Vec<usize>> = (0..array.shape.len())
        .map(|axis| (0..array.shape[axis]).map(|i| i * stride(axis)).collect())
        .collect();
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = if axis < 0 { axis + places.len() as i64 } else { axis };
        let along = usize::try_from(axis).ok().and_then(|axis| places.get_mut(axis));
        let along =
            along.ok_or_else(|| format!("slices axis {axis} of an array of shape {:?}", array.shape))?;
        *along = positions(along.len(), start, end, step)?.into_iter().map(|i| along[i]).collect();
    }
    Ok(picked(array, places))
}

/// The positions from `start` to `end` of an axis of `size`, negative ones counted from its end.
fn positions(size: usize, start: i64, end: i64, step: i64) -> Outcome<Vec<usize>> {
    let size = size as i64;
    let counted = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
    if step == 0 {
        return Err("slices by a step of 0".into());
    }
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (mut place, end) = (counted(start).clamp(low.max(0), high.max(0)), counted(end).clamp(low, high));
    let mut places = Vec::new();
    while place >= 0 && place < size && (if step > 0 { place < end } else { place > end }) {
        places.push(place as usize);
        place = place.saturating_add(step);
    }
    Ok(places)
}

/// The elements whose places are the sums of one number of each list.
fn picked(array: &Array, axes: Vec<Vec<usize>>) -> Array {
    let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
    let mut places = vec![0];
    for axis in &axes {
        places = places.iter().flat_map(|&base| axis.iter().map(move |step| base + step)).collect();
    }
    let values = match &array.values {
        Numbers::Floats(values) => Numbers::Floats(places.iter().map(|&place| values[place]).collect()),
        Numbers::Ints(values) => Numbers::Ints(places.iter().map(|&place| values[place]).collect()),
    };
    Array { shape, values }
}
