"""Train every case of cases.py in Keras and write its course to NAME.json. Usage: python record.py [NAME ...]

Each case runs twice, in float32 and in float64 from the same float32 numbers, so that a test knows how far Keras's own
float32 is from the truth. Needs keras 3 and tensorflow-cpu.
"""

import copy
import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import cases
import formulas

HERE = pathlib.Path(__file__).parent
FIRST_WEIGHT_STREAM = 1000


def make_targets(case):
    spec, samples = case["targets"], case["samples"]
    if spec["kind"] == "values":
        return np.array(spec["values"], np.float32).reshape(samples, *spec["shape"]), None
    if spec["kind"] == "uniform":
        return formulas.uniform(spec["stream"], (samples, *spec["shape"]), spec["amplitude"]), None
    labels = formulas.classes(spec["stream"], samples, spec["classes"])
    if spec["one_hot"]:
        return np.eye(spec["classes"], dtype=np.float32)[labels], labels
    if "shape" in spec:
        return labels.astype(np.float32).reshape(samples, *spec["shape"]), labels
    return labels, labels


def make_inputs(case, labels):
    spec, shape = case["inputs"], (case["samples"], *case["input_shape"])
    if spec["kind"] == "values":
        return np.array(spec["values"], np.float32).reshape(shape)
    if spec["kind"] == "uniform":
        return formulas.uniform(spec["stream"], shape, spec["amplitude"])
    if spec["kind"] == "patterned":
        return formulas.patterned(spec["stream"], shape, spec["amplitude"], spec["period"], spec["shift"], labels)
    return formulas.images(spec["stream"], shape, labels).astype(np.float32) / np.float32(255)


def build(case):
    keras.utils.clear_session()
    stack = [keras.Input(case["input_shape"])]
    for layer in case["layers"]:
        made = keras.layers.deserialize({"module": "keras.layers"} | copy.deepcopy(layer))
        made.trainable = layer.get("trainable", True)
        stack.append(made)
    model = keras.Sequential(stack)
    optimizer = getattr(keras.optimizers, case["optimizer"]["class_name"])(**case["optimizer"]["config"])
    model.compile(optimizer=optimizer, loss=case["loss"], metrics=case["metrics"])
    return model


def weight_specs(model):
    """Kernels like glorot_uniform's in size, biases small but not zero, so that a swapped or lost bias shows."""
    specs = []
    for variable in model.weights:
        shape = [int(n) for n in variable.shape]
        field = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
        limit = np.sqrt(6.0 / (field * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0.05
        specs.append({
            "name": f"{variable.path.split('/')[-2]}/{variable.name}",
            "shape": shape,
            "stream": FIRST_WEIGHT_STREAM + len(specs),
            "amplitude": float(np.float32(limit)),
        })
    return specs


def initial_weights(specs):
    return [formulas.uniform(s["stream"], s["shape"], s["amplitude"]) for s in specs]


def train(case, x, y, dtype):
    keras.backend.set_floatx(dtype)
    model = build(case)
    specs = weight_specs(model)
    model.set_weights(initial_weights(specs))
    x = x.astype(dtype)
    y = y if y.dtype == np.int32 else y.astype(dtype)
    batch, batches = case["batch_size"], -(-case["samples"] // case["batch_size"])
    losses, accuracies = [], []
    for step in range(case["steps"]):
        start = step % batches * batch
        model.reset_metrics()  # else train_on_batch answers with the mean over all steps so far
        logs = model.train_on_batch(x[start:start + batch], y[start:start + batch], return_dict=True)
        losses.append(float(logs["loss"]))
        if case["metrics"]:
            accuracies.append(float(logs["accuracy"]))
    return model, specs, losses, accuracies


def whole_calls(case, trained, x, y):
    """What evaluate and predict say of 10 samples after the last step, and fit's history of one epoch from the start."""
    part = slice(0, 10)
    evaluated = trained.evaluate(x[part], y[part], batch_size=4, verbose=0, return_dict=True)
    predicted = trained.predict(x[part], batch_size=4, verbose=0)
    keras.backend.set_floatx("float32")
    fresh = build(case)
    fresh.set_weights(initial_weights(weight_specs(fresh)))
    history = fresh.fit(x, y, batch_size=case["batch_size"], epochs=1, shuffle=False, verbose=0).history
    return {
        "evaluate": {"samples": 10, "batch_size": 4} | {k: short([v])[0] for k, v in evaluated.items()},
        "predict": {"samples": 10, "shape": list(predicted.shape), "values": short(predicted.ravel())},
        "fit_one_epoch": {k: short(v)[0] for k, v in history.items()},
    }


def stride_for(size):
    return 1 if size <= 1024 else 7 if size <= 10_000 else 97


def short(values):
    """float32 values in the fewest digits that read back as the same float32."""
    return [float(str(np.float32(v))) for v in values]


def final_weights(specs, f32, f64):
    finals = []
    for spec, start, a, b in zip(specs, initial_weights(specs), f32, f64):
        stride = stride_for(a.size)
        finals.append({
            "name": spec["name"],
            "norm": float(np.linalg.norm(a.astype(np.float64))),
            "change_norm": float(np.linalg.norm(a.astype(np.float64) - start)),
            "f64_distance": float(np.linalg.norm(a - b)),
            "stride": stride,
            "sample": short(a.ravel()[::stride]),
            "sample_f64": short(b.ravel()[::stride]),
        })
    return finals


def checks(x, specs):
    """A few values by which the other side knows that its formulas agree."""
    weight = initial_weights(specs)[0].ravel()
    places = sorted({int(p) for p in np.linspace(0, x.size - 1, 8)})
    return {
        "inputs": {"at": places, "value": short(x.ravel()[places]), "sum": float(x.sum(dtype=np.float64))},
        "first_weights": short(weight[:4]),
    }


def worst_relative(a, b):
    a, b = np.array(a), np.array(b)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-30)))


def record(case):
    y, labels = make_targets(case)
    x = make_inputs(case, labels)
    f32, specs, loss, accuracy = train(case, x, y, "float32")
    f64, _, loss64, _ = train(case, x, y, "float64")
    weights64 = f64.get_weights()
    out = dict(case)
    out["weights"] = specs
    out["checks"] = checks(x, specs)
    out["step_loss"] = short(loss)
    out["step_loss_f64"] = loss64
    out["step_accuracy"] = short(accuracy)
    out["f64_worst_loss_difference"] = worst_relative(loss, loss64)
    out["final"] = final_weights(specs, f32.get_weights(), weights64)
    if case["samples"] >= 10:
        out |= whole_calls(case, f32, x, y)
    out["versions"] = {"keras": keras.__version__, "tensorflow": tf.__version__}
    write(case["name"], out)
    distance = max(f["f64_distance"] / f["norm"] for f in out["final"])
    moved = min(f["change_norm"] / f["norm"] for f in out["final"])
    print(f"{case['name']:20} loss {loss[0]:.5f} -> {loss[-1]:.5f}, f32 from f64: loss {out['f64_worst_loss_difference']:.1e}, "
          f"weights {distance:.1e}; least moved {moved:.1e}")


def write(name, out):
    """One key a line, so that a change shows as a small difference."""
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in out.items())
    (HERE / f"{name}.json").write_text("{\n" + lines + "\n}\n")


def main():
    everything = [cases.SIGNS, cases.FASHION, cases.XOR, *cases.SMALL]
    wanted = set(sys.argv[1:]) or {case["name"] for case in everything}
    for case in everything:
        if case["name"] in wanted:
            record(case)


if __name__ == "__main__":
    main()
