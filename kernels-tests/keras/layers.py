"""What Keras's layers give in float32: outputs, gradients with respect to the input and every weight, and the states
that a call leaves. Writes one `layers_FAMILY.json` for each family of `layer_cases.py`.

    KERAS_BACKEND=tensorflow python layers.py [FAMILY ...]
"""

import base64
import copy
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from formulas import uniform, words
from layer_cases import FAMILIES


def packed(values):
    """float32 numbers as base64: exact and short."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def start(index, weight):
    """The first value of a layer's weight number `index`: variances and deviations must not be negative."""
    values = uniform(100 + index, weight.shape, 0.6)
    is_spread = "variance" in weight.name or "stddev" in weight.name
    return np.abs(values) + np.float32(0.5) if is_spread else values


def samples(case, batch):
    shape = [batch, *case["input_shape"]]
    if "integers" in case:
        return (words(1, int(np.prod(shape))) % np.uint32(case["integers"])).astype("int32").reshape(shape)
    x = uniform(1, shape, case.get("amplitude", 1.5))
    for sample, step in case.get("masked", []):
        x[sample, step] = 0.0
    return x


def units(config):
    """The units of a recurrent layer, or of the one that it wraps."""
    return config["units"] if "units" in config else config["layer"]["config"]["units"]


def record(case, batch=3):
    keras.utils.clear_session()
    layer = getattr(keras.layers, case["class_name"]).from_config(copy.deepcopy(case["config"]))
    x = tf.constant(samples(case, batch))
    masking = keras.layers.Masking() if "masked" in case else None
    training = case.get("training", False)
    first = masking(x) if masking else x
    layer(first, training=False)
    count = case.get("states_given", 0)
    states = [tf.constant(uniform(3 + i, (batch, units(case["config"])), 1.0)) for i in range(count)]
    given = {"initial_state": states} if states else {}
    weights = [w for w in layer.weights if "seed" not in w.path]
    for i, weight in enumerate(weights):
        weight.assign(start(i, weight))
    for cell in [layer, getattr(layer, "forward_layer", None), getattr(layer, "backward_layer", None)]:
        if getattr(cell, "stateful", False):
            cell.reset_states()
    learned = [w for w in weights if w.trainable]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        y = layer(masking(x) if masking else x, training=training, **given)
        outputs = list(y) if isinstance(y, (list, tuple)) else [y]
        y = tf.concat([tf.reshape(o, (batch, -1)) for o in outputs], 1) if len(outputs) > 1 else outputs[0]
        loss = tf.reduce_sum(y * uniform(2, y.shape, 1.0))
    gradients = tape.gradient(loss, [x, *states, *[w.value for w in learned]], unconnected_gradients="zero")
    gradients = [tf.convert_to_tensor(g) for g in gradients]
    recorded = {
        "weights": [[w.name, list(w.shape)] for w in weights],
        "y_shape": list(y.shape[1:]),
        "y": packed(y),
        "weight_gradients": [packed(g) for g in gradients[1 + len(states) :]],
        "states": [packed(w.value) for w in weights if not w.trainable],
    }
    if x.dtype == tf.float32:
        recorded["input_gradient"] = packed(gradients[0])
    if len(outputs) > 1:
        recorded["y_shapes"] = [list(o.shape[1:]) for o in outputs]
    if states:
        recorded["state_gradients"] = [packed(g) for g in gradients[1 : 1 + len(states)]]
    return case | {"batch": batch} | recorded


def main():
    for family in sys.argv[1:] or FAMILIES:
        lines = [json.dumps(record(case)) for case in FAMILIES[family]]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
        pathlib.Path(__file__).with_name(f"layers_{family}.json").write_text(text)
        print(f"{family}: {len(lines)} cases")


if __name__ == "__main__":
    main()
