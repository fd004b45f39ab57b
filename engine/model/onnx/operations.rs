//! Each operation of the graph in ONNX's.

use super::export::Export;
use crate::error::{Error, Result};
use crate::formats::onnx::{Array, Attribute, BOOL, FLOAT, INT64};
use crate::graph::{Axis, Binary, Comparison, Element, Literal, Node, Op, Reduction, Stride, Unary, Window};
use crate::tensor::Dim;

/// Images with the channels last, as ONNX wants them, and back.
const TO_CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
const TO_CHANNELS_LAST: [usize; 4] = [0, 2, 3, 1];
/// Filters `[height, width, channels, filters]`, as ONNX wants them.
const FILTERS: [usize; 4] = [3, 2, 0, 1];

impl Export<'_> {
    /// Writes what `node` computes, and returns the name of its value.
    pub fn operation(&mut self, node: &Node) -> Result<String> {
        let inputs: Vec<String> = node.inputs.iter().map(|&input| self.value(input)).collect();
        let values: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let shape = &node.shape.0;
        let from = |number: usize| self.graph.shape(node.inputs[number]).0.clone();
        Ok(match (&node.op, values.as_slice()) {
            (Op::Input(id), _) => self.input(id.0),
            (Op::Parameter(id), _) => self.weight(id.0),
            (Op::BatchSize, _) => {
                let batch = self.batch();
                let scalar = self.reshape(&batch, &[]);
                self.cast(&scalar, FLOAT)
            }
            (Op::Constant(literal), _) => self.full(*literal, shape),
            (Op::Iota { axis }, _) => self.iota(*axis, shape),
            (Op::Unary(function), [x]) => self.unary(*function, x),
            (Op::Binary(function), [a, b]) => self.add(binary(*function), &[a, b], &[]),
            (Op::Compare(comparison), [a, b]) => self.compare(*comparison, a, b),
            (Op::Select, [condition, a, b]) => {
                let condition = self.cast(condition, BOOL);
                self.add("Where", &[&condition, a, b], &[])
            }
            (Op::Cast, [x]) => self.cast(x, if node.element == Element::F32 { FLOAT } else { INT64 }),
            (Op::Broadcast, [x]) => self.expand(x, &from(0), shape),
            (Op::Reduce { kind, axes }, [x]) => {
                let axes = self.list(&wide(axes));
                self.add(reduction(*kind), &[x, &axes], &[("keepdims", Attribute::Int(1))])
            }
            (Op::ArgMax { axis }, [x]) => {
                self.add("ArgMax", &[x], &[("axis", int(*axis)), ("keepdims", Attribute::Int(1))])
            }
            (Op::MatMul { transpose_a, transpose_b }, [a, b]) => {
                self.matmul([a, b], [*transpose_a, *transpose_b], shape.len())
            }
            (Op::Conv(window), [x, filters]) => self.conv("Conv", [x, filters], window, Vec::new()),
            (Op::ConvInputGradient(window), [gradient, filters]) => {
                let over = left_over(window, [from(0), shape.clone()]);
                self.conv("ConvTranspose", [gradient, filters], window, vec![("output_padding", over)])
            }
            (Op::MaxPool(window), [x]) => self.pool("MaxPool", x, window),
            (Op::AveragePool(window), [x]) => self.pool("AveragePool", x, window),
            (Op::Reshape, [x]) => self.reshape(x, shape),
            (Op::Transpose { order }, [x]) => self.transpose(x, order),
            (Op::Slice { axes }, [x]) => self.slice(x, axes, [&from(0), shape]),
            (Op::Pad { axes }, [x]) => self.pad(x, axes, [&from(0), shape]),
            (Op::Concat { axis }, parts) => self.add("Concat", parts, &[("axis", int(*axis))]),
            // Each sample has its own table.
            (Op::Gather, [table, numbers]) if from(0)[0].batch => {
                let numbers = self.reshape(numbers, &[from(1), vec![Dim::fixed(1)]].concat());
                self.add("GatherND", &[table, &numbers], &[("batch_dims", Attribute::Int(1))])
            }
            (Op::Gather, [table, numbers]) => self.add("Gather", &[table, numbers], &[]),
            (op, _) => return Err(self.refused(node, op)),
        })
    }

    fn refused(&self, node: &Node, op: &Op) -> Error {
        let place =
            if node.scope.is_empty() { "the model".into() } else { format!("layer {:?}", node.scope) };
        let expected = "operations that ONNX has: export a model without this layer";
        Error::argument(place, "operation", op.name(), expected)
    }

    fn cast(&mut self, x: &str, element: i64) -> String {
        self.add("Cast", &[x], &[("to", Attribute::Int(element))])
    }

    fn float(&mut self, value: f32) -> String {
        self.constant(Array::floats(&[], vec![value]))
    }

    /// The same number everywhere.
    fn full(&mut self, literal: Literal, shape: &[Dim]) -> String {
        let scalar = self.constant(match literal {
            Literal::F32(bits) => Array::floats(&[], vec![f32::from_bits(bits)]),
            Literal::U32(number) => Array::ints(&[], vec![i64::from(number)]),
        });
        if shape.is_empty() { scalar } else { self.expand(&scalar, &[], shape) }
    }

    /// Integers that count along an axis.
    fn iota(&mut self, axis: usize, shape: &[Dim]) -> String {
        let mut row = vec![Dim::fixed(1); shape.len()];
        row[axis] = shape[axis];
        let numbers = if shape[axis].batch {
            let sizes = self.sizes(&shape[axis..=axis]);
            let size = self.reshape(&sizes, &[]);
            let [zero, one] = [0, 1].map(|number| self.constant(Array::ints(&[], vec![number])));
            self.add("Range", &[&zero, &size, &one], &[])
        } else {
            let count = shape[axis].factor;
            self.constant(Array::ints(&[count], (0..count as i64).collect()))
        };
        let numbers = self.reshape(&numbers, &row);
        if row == shape { numbers } else { self.expand(&numbers, &row, shape) }
    }

    fn unary(&mut self, function: Unary, x: &str) -> String {
        let op = match function {
            Unary::Negate => "Neg",
            Unary::Abs => "Abs",
            Unary::Sign => "Sign",
            Unary::Exp => "Exp",
            Unary::Log => "Log",
            Unary::Erf => "Erf",
            Unary::Sqrt => "Sqrt",
            Unary::Tanh => "Tanh",
            Unary::Sigmoid => "Sigmoid",
            Unary::Softplus => "Softplus",
            Unary::Relu => "Relu",
            Unary::Detach => return x.to_string(),
            Unary::Erfc => {
                let (one, erf) = (self.float(1.0), self.add("Erf", &[x], &[]));
                return self.add("Sub", &[&one, &erf], &[]);
            }
            Unary::Expm1 => return self.expm1(x),
            Unary::Log1p => return self.log1p(x),
        };
        self.add(op, &[x], &[])
    }

    /// eˣ − 1 = tanh(x/2) · (eˣ + 1), which does not cancel near 0.
    fn expm1(&mut self, x: &str) -> String {
        let [half, one] = [0.5, 1.0].map(|value| self.float(value));
        let half = self.add("Mul", &[x, &half], &[]);
        let (tanh, exp) = (self.add("Tanh", &[&half], &[]), self.add("Exp", &[x], &[]));
        let sum = self.add("Add", &[&exp, &one], &[]);
        self.add("Mul", &[&tanh, &sum], &[])
    }

    /// ln(1 + x) = 2 · artanh(x / (2 + x)), which does not cancel near 0; ln itself where it is as good.
    fn log1p(&mut self, x: &str) -> String {
        let [half, one, two] = [0.5, 1.0, 2.0].map(|value| self.float(value));
        let sum = self.add("Add", &[x, &two], &[]);
        let ratio = self.add("Div", &[x, &sum], &[]);
        let artanh = self.add("Atanh", &[&ratio], &[]);
        let near = self.add("Mul", &[&artanh, &two], &[]);
        let sum = self.add("Add", &[x, &one], &[]);
        let far = self.add("Log", &[&sum], &[]);
        let size = self.add("Abs", &[x], &[]);
        let is_near = self.add("Less", &[&size, &half], &[]);
        self.add("Where", &[&is_near, &near, &far], &[])
    }

    /// 1.0 where the comparison holds, 0.0 elsewhere.
    fn compare(&mut self, comparison: Comparison, a: &str, b: &str) -> String {
        let holds = match comparison {
            Comparison::Equal => self.add("Equal", &[a, b], &[]),
            Comparison::NotEqual => {
                let equal = self.add("Equal", &[a, b], &[]);
                self.add("Not", &[&equal], &[])
            }
            Comparison::Less => self.add("Less", &[a, b], &[]),
            Comparison::LessEqual => self.add("LessOrEqual", &[a, b], &[]),
            Comparison::Greater => self.add("Greater", &[a, b], &[]),
            Comparison::GreaterEqual => self.add("GreaterOrEqual", &[a, b], &[]),
        };
        self.cast(&holds, FLOAT)
    }

    fn transpose(&mut self, x: &str, order: &[usize]) -> String {
        self.add("Transpose", &[x], &[("perm", Attribute::Ints(wide(order)))])
    }

    fn matmul(&mut self, operands: [&str; 2], transposed: [bool; 2], rank: usize) -> String {
        let mut last_two: Vec<usize> = (0..rank).collect();
        last_two.swap(rank - 2, rank - 1);
        let mut ready = operands.map(String::from);
        for (operand, transposed) in ready.iter_mut().zip(transposed) {
            if transposed {
                *operand = self.transpose(operand, &last_two);
            }
        }
        self.add("MatMul", &[&ready[0], &ready[1]], &[])
    }

    /// A convolution, or the way back of one.
    fn conv(
        &mut self,
        op: &str,
        [x, filters]: [&str; 2],
        window: &Window,
        more: Vec<(&'static str, Attribute)>,
    ) -> String {
        let (x, filters) = (self.transpose(x, &TO_CHANNELS_FIRST), self.transpose(filters, &FILTERS));
        let attributes: Vec<_> = window_attributes(window).into_iter().chain(more).collect();
        let sums = self.add(op, &[&x, &filters], &attributes);
        self.transpose(&sums, &TO_CHANNELS_LAST)
    }

    fn pool(&mut self, op: &str, x: &str, window: &Window) -> String {
        let x = self.transpose(x, &TO_CHANNELS_FIRST);
        let pooled = self.add(op, &[&x], &window_attributes(window));
        self.transpose(&pooled, &TO_CHANNELS_LAST)
    }

    fn slice(&mut self, x: &str, axes: &[Stride], [from, to]: [&[Dim]; 2]) -> String {
        let (mut starts, mut ends, mut numbers, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (axis, stride) in axes.iter().enumerate().filter(|&(i, s)| *s != Stride::ALL || from[i] != to[i])
        {
            let (start, step) = (stride.start as i64, stride.step as i64);
            let end = start + step * (to[axis].factor as i64 - 1) + step.signum();
            starts.push(start);
            // Negative ends count from the last position: this one lies before the first.
            ends.push(if end < 0 { -(from[axis].factor as i64) - 1 } else { end });
            numbers.push(axis as i64);
            steps.push(step);
        }
        let [starts, ends, numbers, steps] = [starts, ends, numbers, steps].map(|list| self.list(&list));
        self.add("Slice", &[x, &starts, &ends, &numbers, &steps], &[])
    }

    /// Zeros between the elements of an axis come from a new axis, those around them from padding.
    fn pad(&mut self, x: &str, axes: &[Stride], [from, to]: [&[Dim]; 2]) -> String {
        let (mut value, mut shape) = (x.to_string(), from.to_vec());
        let (mut before, mut after) = (vec![0; axes.len()], vec![0; axes.len()]);
        for (axis, stride) in
            axes.iter().enumerate().filter(|(i, s)| **s != Stride::ALL || from[*i] != to[*i])
        {
            let (count, every) = (from[axis].factor, stride.step.unsigned_abs());
            if stride.step < 0 {
                let mut reversed = vec![Stride::ALL; axes.len()];
                reversed[axis] = Stride { start: count - 1, step: -1 };
                value = self.slice(&value, &reversed, [&shape, &shape]);
            }
            if every > 1 {
                shape[axis] = Dim::fixed(count * every);
                value = self.spread(&value, axis, every, &shape);
            }
            let first = if stride.step < 0 { stride.start - (count - 1) * every } else { stride.start };
            before[axis] = first as i64;
            // Less than none where the last element's zeros go beyond the end.
            after[axis] = to[axis].factor as i64 - first as i64 - (count * every) as i64;
        }
        let pads = self.list(&[before, after].concat());
        self.add("Pad", &[&value, &pads], &[])
    }

    /// Zeros behind each element along an axis, so that it becomes `every` times as long.
    fn spread(&mut self, value: &str, axis: usize, every: usize, shape: &[Dim]) -> String {
        let numbers = self.list(&[axis as i64 + 1]);
        let value = self.add("Unsqueeze", &[value, &numbers], &[]);
        let mut pads = vec![0; 2 * (shape.len() + 1)];
        pads[shape.len() + 1 + axis + 1] = every as i64 - 1;
        let pads = self.list(&pads);
        let value = self.add("Pad", &[&value, &pads], &[]);
        self.reshape(&value, shape)
    }
}

fn binary(function: Binary) -> &'static str {
    match function {
        Binary::Add => "Add",
        Binary::Subtract => "Sub",
        Binary::Multiply => "Mul",
        Binary::Divide => "Div",
        Binary::Maximum => "Max",
        Binary::Minimum => "Min",
    }
}

fn reduction(kind: Reduction) -> &'static str {
    match kind {
        Reduction::Sum => "ReduceSum",
        Reduction::Max => "ReduceMax",
        Reduction::Min => "ReduceMin",
    }
}

fn int(number: usize) -> Attribute {
    Attribute::Int(number as i64)
}

fn wide(numbers: &[usize]) -> Vec<i64> {
    numbers.iter().map(|&number| number as i64).collect()
}

fn window_attributes(window: &Window) -> Vec<(&'static str, Attribute)> {
    let of = |number: fn(&Axis) -> usize| [number(&window.height), number(&window.width)];
    let pads = [of(|axis| axis.before), of(|axis| axis.after)].concat();
    let mut attributes = vec![
        ("kernel_shape", Attribute::Ints(wide(&of(|axis| axis.size)))),
        ("strides", Attribute::Ints(wide(&of(|axis| axis.stride)))),
        ("pads", Attribute::Ints(wide(&pads))),
    ];
    let dilations = of(|axis| axis.dilation);
    if dilations != [1, 1] {
        attributes.push(("dilations", Attribute::Ints(wide(&dilations))));
    }
    attributes
}

/// The pixels that no window of a convolution's images reaches, which the way back has to add.
fn left_over(window: &Window, [from, to]: [Vec<Dim>; 2]) -> Attribute {
    let over = |axis: &Axis, i: usize| {
        let padded = to[i].factor + axis.before + axis.after;
        padded.saturating_sub((from[i].factor - 1) * axis.stride + axis.span())
    };
    Attribute::Ints(wide(&[over(&window.height, 1), over(&window.width, 2)]))
}
