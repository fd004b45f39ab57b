//! Convolutions, pooling, padding and enlarging of images, series and volumes.

use serde_json::json;

use super::known::transposed;
use super::options::{counts, int, ints, only, text};
use super::value::{Ready, Tracked, Value};
use super::{Import, Outcome, Read, Weights};
use crate::formats::onnx::{Array, Node};
use crate::graph::Axis;
use crate::layers::Padding;

pub(super) const NODES: &[(&str, Read)] = &[
    ("Conv", conv),
    ("ConvTranspose", conv_transpose),
    ("MaxPool", pool),
    ("AveragePool", pool),
    ("GlobalMaxPool", global_pool),
    ("GlobalAveragePool", global_pool),
    ("ReduceMean", global_pool),
    ("ReduceMax", global_pool),
    ("Resize", resize),
];

/// The axes of images with the channels first, as layers have them.
fn channels_last(rank: usize) -> Vec<usize> {
    std::iter::once(0).chain(2..rank + 2).chain([1]).collect()
}

/// The input with the channels last, and the number of its spatial axes: up to `most`.
fn images(import: &mut Import<'_>, node: &Node, most: usize) -> Outcome<(Ready, usize, bool)> {
    let value = import.tensor(node, 0)?;
    let rank = value.axes.len().saturating_sub(2);
    if rank == 0 || rank > most {
        return Err(format!("slides along {rank} axes, where gradus has layers for 1 to {most}"));
    }
    Ok((import.arranged(&value, &channels_last(rank), true)?, rank, value.positive))
}

fn conv(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (ready, rank, _) = images(import, node, 3)?;
    let filters = import.floats(node, 1)?;
    let (groups, channels) = (int(node, "group", 1)?, ready.sample[rank]);
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0).ok_or("has no groups")?;
    if filters.shape.len() != rank + 2 || filters.shape[1].checked_mul(groups) != Some(channels) {
        return Err(format!(
            "has filters of shape {:?} for {channels} channels in {groups} groups",
            filters.shape
        ));
    }
    let axes = axes(node, &filters.shape[2..], &ready.sample[..rank])?;
    let depthwise = groups == channels && groups > 1 && rank < 3;
    let choices: &[Padding] = match (rank, depthwise) {
        (1, false) => &[Padding::Valid, Padding::Same, Padding::Causal],
        _ => &[Padding::Valid, Padding::Same],
    };
    let (ready, padding) = import.placed(ready, &axes, choices)?;
    let of = |number: fn(&Axis) -> usize| axes.iter().map(number).collect::<Vec<_>>();
    let count = filters.shape[0];
    let mut config = json!({
        "kernel_size": of(|axis| axis.size), "strides": of(|axis| axis.stride), "dilation_rate": of(|axis| axis.dilation),
        "padding": padding.name(), "use_bias": import.has(node, 2),
    });
    let (class, kernel) = if depthwise {
        config["depth_multiplier"] = json!(count / channels);
        ("DepthwiseConv", depthwise_kernel(filters, channels)?)
    } else {
        (config["filters"], config["groups"]) = (json!(count), json!(groups));
        let order: Vec<usize> = (2..rank + 2).chain([1, 0]).collect();
        ("Conv", transposed(&filters, &order)?)
    };
    let ready = import.layer(
        &format!("{class}{rank}D"),
        config,
        &[&ready],
        kernel_and_bias(import, node, kernel)?,
    )?;
    Ok(vec![Value::Tensor(Tracked::ordered(ready, &channels_last(rank)))])
}

fn kernel_and_bias(import: &Import<'_>, node: &Node, kernel: Array) -> Outcome<Weights> {
    let mut weights = Weights { names: import.names(node, &[1, 2]), arrays: vec![kernel] };
    if import.has(node, 2) {
        weights.arrays.push(import.floats(node, 2)?);
    }
    Ok(weights)
}

/// `[channels · multiplier, 1, taps…]` as `[taps…, channels, multiplier]`.
fn depthwise_kernel(filters: Array, channels: usize) -> Outcome<Array> {
    if !filters.shape[0].is_multiple_of(channels) || filters.shape[0] == 0 {
        return Err(format!("has {} filters for {channels} channels", filters.shape[0]));
    }
    let mut shape = vec![channels, filters.shape[0] / channels];
    shape.extend(&filters.shape[2..]);
    let order: Vec<usize> = (2..shape.len()).chain([0, 1]).collect();
    transposed(&Array { shape, ..filters }, &order)
}

/// The windows of a node over axes of `lengths`.
fn axes(node: &Node, sizes: &[usize], lengths: &[usize]) -> Outcome<Vec<Axis>> {
    let rank = sizes.len();
    if sizes.contains(&0)
        || counts(node, "kernel_shape", rank)?.as_slice() != sizes && node.attribute("kernel_shape").is_some()
    {
        return Err(format!("has windows of {sizes:?}"));
    }
    let (strides, dilations) = (counts(node, "strides", rank)?, counts(node, "dilations", rank)?);
    let axis = |i: usize, padding: Padding| padding.axis(lengths[i], sizes[i], strides[i], dilations[i]);
    let all = |padding: Padding| (0..rank).map(|i| axis(i, padding)).collect::<Vec<_>>();
    Ok(match text(node, "auto_pad", "NOTSET")? {
        "VALID" => all(Padding::Valid),
        "SAME_UPPER" => all(Padding::Same),
        "SAME_LOWER" => {
            let turned = |axis: Axis| Axis { before: axis.after, after: axis.before, ..axis };
            all(Padding::Same).into_iter().map(turned).collect()
        }
        _ => {
            let pads = sides(&ints(node, "pads")?.unwrap_or_else(|| vec![0; 2 * rank]), rank)?;
            let padded = |(axis, (before, after)): (Axis, (usize, usize))| Axis { before, after, ..axis };
            all(Padding::Valid).into_iter().zip(pads).map(padded).collect()
        }
    })
}

/// Before and after each of `rank` axes: first all befores, then all afters.
pub(super) fn sides(pads: &[i64], rank: usize) -> Outcome<Vec<(usize, usize)>> {
    let counts: Vec<usize> = pads.iter().filter_map(|&pad| usize::try_from(pad).ok()).collect();
    if counts.len() != 2 * rank || pads.len() != 2 * rank || counts.iter().any(|&count| count > 1 << 20) {
        return Err(format!("has pads {pads:?} for {rank} axes"));
    }
    Ok((0..rank).map(|axis| (counts[axis], counts[rank + axis])).collect())
}

impl Import<'_> {
    /// The padding by whose name layers pad like that; else the images with zeros around them, and none.
    fn placed(&mut self, ready: Ready, axes: &[Axis], choices: &[Padding]) -> Outcome<(Ready, Padding)> {
        if let Some(padding) = named(&ready, axes, choices) {
            return Ok((ready, padding));
        }
        let mut around: Vec<(usize, usize)> = axes.iter().map(|axis| (axis.before, axis.after)).collect();
        around.push((0, 0));
        Ok((self.framed("ZeroPadding2D", "padding", ready, &around)?, Padding::Valid))
    }

    /// Zeros put around each axis of a sample, or positions cut off there.
    pub fn framed(
        &mut self,
        class: &str,
        option: &str,
        mut ready: Ready,
        around: &[(usize, usize)],
    ) -> Outcome<Ready> {
        if let ([height, width, (0, 0)], true) = (around, around.iter().any(|&sides| sides != (0, 0))) {
            return self.layer(class, json!({ option: [height, width] }), &[&ready], Weights::default());
        }
        // Any axis is the width of images as high as all axes before it.
        for (axis, sides) in around.iter().enumerate().filter(|(_, sides)| **sides != (0, 0)) {
            let mut sample = ready.sample.clone();
            let [before, after] = [&sample[..axis], &sample[axis + 1..]].map(|sizes| sizes.iter().product());
            let image = self.reshaped(ready, vec![before, sample[axis], after])?;
            let image =
                self.layer(class, json!({ option: [(0, 0), *sides] }), &[&image], Weights::default())?;
            sample[axis] = image.sample[1];
            ready = self.reshaped(image, sample)?;
        }
        Ok(ready)
    }
}

/// The padding by whose name layers pad as `axes` do.
fn named(ready: &Ready, axes: &[Axis], choices: &[Padding]) -> Option<Padding> {
    let same = |padding: &&Padding| {
        let own = |(axis, &length): (&Axis, &usize)| {
            padding.axis(length, axis.size, axis.stride, axis.dilation) == *axis
        };
        axes.iter().zip(&ready.sample).all(own)
    };
    choices.iter().find(same).copied()
}

/// Layers give as many pixels as the full way back; what the file's padding leaves out is cut off.
fn conv_transpose(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (ready, rank, _) = images(import, node, 2)?;
    let filters = import.floats(node, 1)?;
    only(node, "group", 1)?;
    if node.attribute("output_shape").is_some()
        || !["NOTSET", "VALID"].contains(&text(node, "auto_pad", "NOTSET")?)
    {
        return Err("says the shape of its output: export it with pads".into());
    }
    if filters.shape.len() != rank + 2 || filters.shape[0] != ready.sample[rank] {
        return Err(format!("has filters of shape {:?} for {} channels", filters.shape, ready.sample[rank]));
    }
    let lengths = ready.sample[..rank].to_vec();
    let axes = axes(node, &filters.shape[2..], &lengths)?;
    let over = ints(node, "output_padding")?.unwrap_or_else(|| vec![0; rank]);
    let of = |number: fn(&Axis) -> usize| axes.iter().map(number).collect::<Vec<_>>();
    let config = json!({
        "filters": filters.shape[1], "kernel_size": of(|axis| axis.size), "strides": of(|axis| axis.stride),
        "dilation_rate": of(|axis| axis.dilation), "use_bias": import.has(node, 2),
    });
    let order: Vec<usize> = (2..rank + 2).chain([1, 0]).collect();
    let weights = kernel_and_bias(import, node, transposed(&filters, &order)?)?;
    let ready = import.layer(&format!("Conv{rank}DTranspose"), config, &[&ready], weights)?;
    let mut around = Vec::new();
    for (i, axis) in axes.iter().enumerate() {
        let full = (lengths[i] - 1) * axis.stride + axis.span();
        let wanted = full as i64 + over.get(i).copied().unwrap_or(0) - axis.after as i64;
        let after = ready.sample[i] as i64 - wanted;
        let after = usize::try_from(after).map_err(|_| "adds pixels that the filters do not reach")?;
        around.push((axis.before, after));
    }
    around.push((0, 0));
    let ready = import.framed("Cropping2D", "cropping", ready, &around)?;
    Ok(vec![Value::Tensor(Tracked::ordered(ready, &channels_last(rank)))])
}

fn pool(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (ready, rank, positive) = images(import, node, 3)?;
    let is_max = node.op == "MaxPool";
    let sizes = counts(node, "kernel_shape", rank)?;
    let axes = axes(node, &sizes, &ready.sample[..rank])?;
    if axes.iter().any(|axis| axis.dilation != 1)
        || (node.outputs.len() > 1 && import.readers.contains_key(node.outputs[1].as_str()))
    {
        return Err("has dilation, or gives the places of the largest, which gradus's layers have not".into());
    }
    let over = |(axis, length): (&Axis, &usize)| {
        (length + axis.before + axis.after) % axis.stride != axis.size % axis.stride
    };
    if int(node, "ceil_mode", 0)? != 0 && axes.iter().zip(&ready.sample).any(over) {
        return Err("has windows that go beyond the padding (ceil_mode)".into());
    }
    // Layers leave padding out of the mean; zeros around the image count.
    let counted = !is_max && int(node, "count_include_pad", 0)? == 1;
    let choices: &[Padding] = if counted { &[Padding::Valid] } else { &[Padding::Valid, Padding::Same] };
    // Zeros are less than none only where no pixel is negative.
    if named(&ready, &axes, choices).is_none() && !counted && !(is_max && positive) {
        return Err("has padding that gradus's layers have not".into());
    }
    let (ready, padding) = import.placed(ready, &axes, choices)?;
    let strides: Vec<usize> = axes.iter().map(|axis| axis.stride).collect();
    let config = json!({ "pool_size": sizes, "strides": strides, "padding": padding.name() });
    let class = format!("{}Pooling{rank}D", if is_max { "Max" } else { "Average" });
    let ready = import.layer(&class, config, &[&ready], Weights::default())?;
    Ok(vec![Value::Tensor(Tracked { positive, ..Tracked::ordered(ready, &channels_last(rank)) })])
}

/// The largest or the mean along all axes but those of the samples and of one other.
fn global_pool(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let rank = value.axes.len();
    let given = if node.op.starts_with("Reduce") {
        let axes = ints(node, "axes")?.map_or_else(|| import.ints(node, 1), |axes| Ok(Some(axes)))?;
        axes.ok_or("has no axes: gradus has no layer for the mean of all samples")?
    } else {
        (2..rank as i64).collect()
    };
    let axes = given.iter().map(|&axis| value.axis(axis)).collect::<Outcome<Vec<_>>>()?;
    let batch = value.batch_axis();
    let kept: Vec<usize> = (0..rank).filter(|axis| *axis != batch && !axes.contains(axis)).collect();
    let ([channel], 1..=3, false) = (kept.as_slice(), axes.len(), axes.contains(&batch)) else {
        return Err(format!(
            "is taken along axes {given:?} of {rank}, where gradus's layers leave one beside the samples"
        ));
    };
    let order: Vec<usize> = [batch].into_iter().chain(axes.iter().copied()).chain([*channel]).collect();
    let ready = import.arranged(&value, &order, true)?;
    let kind = if node.op.contains("Max") { "Max" } else { "Average" };
    let class = format!("Global{kind}Pooling{}D", axes.len());
    let ready = import.layer(&class, json!({}), &[&ready], Weights::default())?;
    let mut places = vec![None; rank];
    (places[batch], places[*channel]) = (Some(0), Some(1));
    if node.op.starts_with("Reduce") && int(node, "keepdims", 1)? == 0 {
        places = places
            .into_iter()
            .enumerate()
            .filter(|(axis, _)| !axes.contains(axis))
            .map(|(_, place)| place)
            .collect();
    }
    Ok(vec![Value::Tensor(Tracked { ready, axes: places, positive: value.positive })])
}

/// Images some whole times as high and wide.
fn resize(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (ready, rank, positive) = images(import, node, 2)?;
    let scales = match (rank, import.known(node, 2), import.ints(node, 3)?) {
        (2, Some(_), None) => import.floats(node, 2)?,
        (2, _, Some(sizes)) if sizes.len() == 4 => {
            let scale = |axis: usize| sizes[axis + 2] as f32 / ready.sample[axis] as f32;
            Array::floats(&[4], vec![1.0, 1.0, scale(0), scale(1)])
        }
        _ => return Err("enlarges something else than images by known factors".into()),
    };
    let crate::formats::onnx::Numbers::Floats(scales) = scales.values else {
        return Err("has no scales".into());
    };
    let whole = |scale: f32| scale.fract() == 0.0 && (1.0..=1024.0).contains(&scale);
    let [1.0, 1.0, height, width] = scales[..] else { return Err(format!("has scales {scales:?}")) };
    let interpolation =
        match (text(node, "mode", "nearest")?, text(node, "coordinate_transformation_mode", "half_pixel")?) {
            ("nearest", "asymmetric") if text(node, "nearest_mode", "round_prefer_floor")? == "floor" => {
                "nearest"
            }
            ("nearest", "half_pixel") => "nearest",
            ("linear", "half_pixel" | "pytorch_half_pixel") => "bilinear",
            (mode, places) => {
                return Err(format!("has mode {mode} with {places}, which gradus has no layer for"));
            }
        };
    if !whole(height) || !whole(width) {
        return Err(format!("has scales {scales:?}, expected whole ones"));
    }
    let config = json!({ "size": [height as usize, width as usize], "interpolation": interpolation });
    let ready = import.layer("UpSampling2D", config, &[&ready], Weights::default())?;
    Ok(vec![Value::Tensor(Tracked { positive, ..Tracked::ordered(ready, &channels_last(rank)) })])
}
