//! Training runs recorded in Keras: `keras/README.md` says what the files hold.

use std::ops::Range;

use serde_json::Value;

/// The words behind inputs, targets and weights: the twin of `keras/formulas.py`.
pub fn word(stream: u32, index: u32) -> u32 {
    mix(mix(stream.wrapping_add(0x9e37_79b9)).wrapping_add(index))
}

fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// `count` numbers in [-amplitude, amplitude).
pub fn uniform(stream: u32, count: usize, amplitude: f32) -> Vec<f32> {
    let unit = |i| (word(stream, i) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..count as u32).map(|i| unit(i) * amplitude).collect()
}

/// Numbers from base64.
pub fn unpacked(text: &str) -> Vec<f32> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|&c| c != b'=').map(value).collect();
    let three = |four: &[u8]| {
        let word = four.iter().enumerate().fold(0u32, |w, (i, &d)| w | u32::from(d) << (18 - 6 * i));
        word.to_be_bytes()[1..four.len()].to_vec()
    };
    let bytes: Vec<u8> = digits.chunks(4).flat_map(three).collect();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// A tensor with its name, as `layer/kernel`.
pub struct Weight {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Every `stride`-th element of a weight after the last step.
pub struct FinalWeight {
    pub name: String,
    /// Norm of all elements of (final - initial).
    pub change_norm: f64,
    stride: usize,
    sample: Vec<f32>,
    sample_f64: Vec<f32>,
}

impl FinalWeight {
    /// The distance of `values` (all elements) from Keras's float32 run, relative to the norm, over the recorded elements.
    pub fn relative_error(&self, values: &[f32]) -> f64 {
        relative_distance(values, self.stride, &self.sample)
    }

    /// The same from Keras's float64 run.
    pub fn relative_error_f64(&self, values: &[f32]) -> f64 {
        relative_distance(values, self.stride, &self.sample_f64)
    }
}

fn relative_distance(values: &[f32], stride: usize, sample: &[f32]) -> f64 {
    assert_eq!(values.len().div_ceil(stride), sample.len(), "the weight has another size in Keras");
    let values = values.iter().step_by(stride);
    let distance: f64 = values.zip(sample).map(|(&v, &s)| (f64::from(v) - f64::from(s)).powi(2)).sum();
    let norm: f64 = sample.iter().map(|&s| f64::from(s).powi(2)).sum();
    (distance / norm).sqrt()
}

/// One recorded run.
pub struct Golden {
    json: Value,
}

impl Golden {
    /// Reads `keras/NAME.json`.
    pub fn load(name: &str) -> Self {
        let path = format!("{}/kernels-tests/keras/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        Self { json: serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}")) }
    }

    /// Names of all small runs (`signs_cnn`, `fashion_mlp` and `xor` are not among them).
    pub fn small() -> [&'static str; 20] {
        [
            "recurrent_regularized",
            "outputs_regularized",
            "regularized",
            "constrained",
            "sgd_plain",
            "sgd_momentum",
            "sgd_nesterov",
            "adam_default",
            "sparse_categorical",
            "binary",
            "mean_squared",
            "mean_absolute",
            "leaky_relu",
            "sigmoid",
            "frozen",
            "conv_valid_strides",
            "conv_same",
            "conv_same_strides",
            "max_pooling",
            "average_pooling",
        ]
    }

    /// Any part of the file: `layers`, `optimizer`, `loss`, `metrics`, `evaluate`, …
    pub fn get(&self, key: &str) -> &Value {
        &self.json[key]
    }

    /// A count such as `samples`, `batch_size` or `steps`.
    pub fn count(&self, key: &str) -> usize {
        count(&self.json[key])
    }

    /// A list of numbers such as `step_loss`.
    pub fn numbers(&self, key: &str) -> Vec<f64> {
        numbers(&self.json[key])
    }

    /// Shape of one sample.
    pub fn input_shape(&self) -> Vec<usize> {
        counts(&self.json["input_shape"])
    }

    /// The samples of a step's batch.
    pub fn batch(&self, step: usize) -> Range<usize> {
        let (samples, size) = (self.count("samples"), self.count("batch_size"));
        let start = step % samples.div_ceil(size) * size;
        start..(start + size).min(samples)
    }

    /// All samples, row-major; images as the network sees them, divided by 255.
    pub fn inputs(&self) -> Vec<f32> {
        let spec = &self.json["inputs"];
        let total = self.count("samples") * self.input_shape().iter().product::<usize>();
        match spec["kind"].as_str() {
            Some("uniform") => uniform(stream(spec), total, float(&spec["amplitude"])),
            Some("patterned") => self.patterned(spec, total),
            Some("images") => self.images().iter().map(|&byte| f32::from(byte) / 255.0).collect(),
            Some("values") => floats(&spec["values"]),
            kind => panic!("unknown kind of inputs {kind:?}"),
        }
    }

    fn patterned(&self, spec: &Value, total: usize) -> Vec<f32> {
        let (period, shift) = (count(&spec["period"]), float(&spec["shift"]));
        let (labels, features) = (self.labels(), total / self.count("samples"));
        let mut values = uniform(stream(spec), total, float(&spec["amplitude"]));
        for (i, value) in values.iter_mut().enumerate() {
            if i % features % period == labels[i / features] as usize {
                *value += shift;
            }
        }
        values
    }

    /// All images as bytes, [samples, height, width, channels].
    pub fn images(&self) -> Vec<u8> {
        let [height, width, channels] = self.input_shape()[..] else { panic!("not a run over images") };
        let (labels, stream) = (self.labels(), stream(&self.json["inputs"]));
        let byte = |i: usize| {
            let (x, y) = (i / channels % width, i / channels / width % height);
            let label = labels[i / (height * width * channels)] as usize;
            let bright = (x / 16 + 4 * (y / 16)) % 6 == label;
            (word(stream, i as u32) >> 28) as u8 + if bright { 32 } else { 0 }
        };
        (0..self.count("samples") * height * width * channels).map(byte).collect()
    }

    /// The class of each sample.
    pub fn labels(&self) -> Vec<u32> {
        let spec = &self.json["targets"];
        let classes = count(&spec["classes"]) as u32;
        (0..self.count("samples") as u32).map(|i| word(stream(spec), i) % classes).collect()
    }

    /// Shape of one sample's target: `[classes]` if one-hot, empty for class indices.
    pub fn target_shape(&self) -> Vec<usize> {
        let spec = &self.json["targets"];
        if spec["one_hot"] == true {
            return vec![count(&spec["classes"])];
        }
        if spec["shape"].is_array() { counts(&spec["shape"]) } else { Vec::new() }
    }

    /// All targets, row-major; class indices as whole numbers.
    pub fn targets(&self) -> Vec<f32> {
        let spec = &self.json["targets"];
        let total = self.count("samples") * self.target_shape().iter().product::<usize>();
        match spec["kind"].as_str() {
            Some("classes") if spec["one_hot"] == true => self.one_hot(),
            Some("classes") => self.labels().iter().map(|&label| label as f32).collect(),
            Some("uniform") => uniform(stream(spec), total, float(&spec["amplitude"])),
            Some("values") => floats(&spec["values"]),
            kind => panic!("unknown kind of targets {kind:?}"),
        }
    }

    fn one_hot(&self) -> Vec<f32> {
        let classes = self.target_shape()[0] as u32;
        let row = |label| (0..classes).map(move |class| if class == label { 1.0 } else { 0.0 });
        self.labels().into_iter().flat_map(row).collect()
    }

    /// The initial weights, kernel before bias, layer by layer.
    pub fn weights(&self) -> Vec<Weight> {
        let weight = |spec: &Value| {
            let shape = counts(&spec["shape"]);
            let values = uniform(stream(spec), shape.iter().product(), float(&spec["amplitude"]));
            Weight { name: text(&spec["name"]), shape, values }
        };
        list(&self.json["weights"]).iter().map(weight).collect()
    }

    /// The weights after the last step, in the order of [`Golden::weights`].
    pub fn final_weights(&self) -> Vec<FinalWeight> {
        let weight = |spec: &Value| FinalWeight {
            name: text(&spec["name"]),
            change_norm: spec["change_norm"].as_f64().unwrap(),
            stride: count(&spec["stride"]),
            sample: floats(&spec["sample"]),
            sample_f64: floats(&spec["sample_f64"]),
        };
        list(&self.json["final"]).iter().map(weight).collect()
    }
}

fn list(json: &Value) -> &[Value] {
    json.as_array().unwrap_or_else(|| panic!("expected a list, found {json}"))
}

fn text(json: &Value) -> String {
    json.as_str().unwrap_or_else(|| panic!("expected a string, found {json}")).into()
}

fn count(json: &Value) -> usize {
    json.as_u64().unwrap_or_else(|| panic!("expected a count, found {json}")) as usize
}

fn counts(json: &Value) -> Vec<usize> {
    list(json).iter().map(count).collect()
}

fn float(json: &Value) -> f32 {
    json.as_f64().unwrap_or_else(|| panic!("expected a number, found {json}")) as f32
}

fn numbers(json: &Value) -> Vec<f64> {
    list(json).iter().map(|n| n.as_f64().unwrap_or_else(|| panic!("expected a number, found {n}"))).collect()
}

fn floats(json: &Value) -> Vec<f32> {
    list(json).iter().map(float).collect()
}

fn stream(spec: &Value) -> u32 {
    count(&spec["stream"]) as u32
}

/// Whether every option of the config `written` is what Keras's own config `keras` says, floats to single precision. A name
/// alone stands for the defaults.
pub fn same_options(written: &Value, keras: &Value) -> Result<(), String> {
    let Some(options) = written["config"].as_object() else { return Ok(()) };
    let plain = |value: &Value| value.pointer("/config/value").unwrap_or(value).clone();
    // Keras has two names for a mean and two for none, and counts its objects.
    for (key, value) in options.iter().filter(|(key, _)| !["reduction", "name"].contains(&key.as_str())) {
        let expected = plain(&keras["config"][key]);
        if !alike(value, &expected) {
            return Err(format!("{key} is {value}, Keras {expected}"));
        }
    }
    Ok(())
}

fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= 1e-6 * b.abs()
        }
        // One number may stand for a list of it.
        (Value::Array(list), one @ Value::Number(_)) | (one @ Value::Number(_), Value::Array(list)) => {
            matches!(list.as_slice(), [only] if alike(only, one))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Golden> {
        ["signs_cnn", "fashion_mlp", "xor"].into_iter().chain(Golden::small()).map(Golden::load)
    }

    #[test]
    fn formulas_agree_with_python_bit_for_bit() {
        for golden in all() {
            let (name, checks) = (text(golden.get("name")), golden.get("checks"));
            let inputs = golden.inputs();
            for (at, value) in counts(&checks["inputs"]["at"]).iter().zip(list(&checks["inputs"]["value"])) {
                assert_eq!(inputs[*at], float(value), "{name}: input {at}");
            }
            let sum: f64 = inputs.iter().map(|&v| f64::from(v)).sum();
            let expected = checks["inputs"]["sum"].as_f64().unwrap();
            // Order of summation: n roundings of a partial sum below n.
            let bound = (inputs.len() as f64).powi(2) * f64::EPSILON;
            assert!((sum - expected).abs() <= bound, "{name}: {sum}, in Python {expected}");
            for (value, expected) in golden.weights()[0].values.iter().zip(list(&checks["first_weights"])) {
                assert_eq!(*value, float(expected), "{name}: first weight");
            }
        }
    }

    #[test]
    fn shapes_and_lengths_fit_together() {
        for golden in all() {
            let name = text(golden.get("name"));
            let samples = golden.count("samples");
            let target: usize = golden.target_shape().iter().product();
            assert_eq!(golden.targets().len(), samples * target, "{name}");
            assert_eq!(golden.numbers("step_loss").len(), golden.count("steps"), "{name}");
            let (start, end) = (golden.weights(), golden.final_weights());
            assert_eq!(start.len(), end.len(), "{name}");
            for (start, end) in start.iter().zip(&end) {
                assert_eq!(start.name, end.name);
                assert_eq!(start.shape.iter().product::<usize>(), start.values.len());
                let error = end.relative_error(&start.values);
                assert_eq!(error == 0.0, end.change_norm == 0.0, "{name} {}", end.name);
                let both_runs = error - end.relative_error_f64(&start.values);
                assert!(both_runs.abs() <= 5e-4, "{name} {}: {both_runs}", end.name);
            }
        }
    }

    #[test]
    /// To within half of what gradus is allowed.
    fn float32_and_float64_runs_of_keras_agree() {
        for golden in all() {
            for weight in golden.final_weights() {
                let error = relative_distance(&weight.sample, 1, &weight.sample_f64);
                assert!(error <= 5e-4, "{} {}: {error}", golden.get("name"), weight.name);
            }
        }
    }

    #[test]
    fn the_last_batch_is_smaller() {
        let golden = Golden::load("signs_cnn");
        assert_eq!(golden.batch(0), 0..32);
        assert_eq!(golden.batch(33), 1056..1080);
        assert_eq!(golden.batch(34), 0..32);
        assert_eq!(golden.images().len(), 1080 * 64 * 64 * 3);
    }
}
