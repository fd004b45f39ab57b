"""What Keras's layers give on the JAX backend, in the form of `layers.py`: layers for images while training, with random
numbers whose range is one number, and after training; images of another size; layers with the channels first. Writes one
`layers_FAMILY.json` for each of `JAX_FAMILIES`.

TensorFlow's gradients of rotated and zoomed images are approximations, its bicubic weights come from a table, and its
convolutions with the channels first need a GPU.

    KERAS_BACKEND=jax python layers_jax.py [FAMILY ...]
"""

import copy
import inspect
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras

from formulas import uniform
from layer_cases import JAX_FAMILIES
from layers import packed, samples, start


def record(case, batch=3):
    keras.utils.clear_session()
    layer = getattr(keras.layers, case["class_name"]).from_config(copy.deepcopy(case["config"]))
    masking = keras.layers.Masking() if "masked" in case else None
    takes_training = "training" in inspect.signature(layer.call).parameters or "Random" in case["class_name"]
    training = {"training": case.get("training", False)} if takes_training else {}
    x = jnp.asarray(samples(case, batch))
    layer.build(x.shape)
    weights = layer.trainable_variables
    for i, weight in enumerate(weights):
        weight.assign(start(i, weight))

    def call(values, x):
        with keras.StatelessScope(zip(weights, values)):
            return layer(masking(x) if masking else x, **training)

    y, backwards = jax.vjp(call, [w.value for w in weights], x)
    gradients, gradient = backwards(jnp.asarray(uniform(2, y.shape, 1.0)))
    return case | {
        "batch": batch,
        "weights": [[w.name, list(w.shape)] for w in weights],
        "y_shape": list(y.shape[1:]),
        "y": packed(y),
        "weight_gradients": [packed(g) for g in gradients],
        "states": [],
        "input_gradient": packed(gradient),
    }


def main():
    for family in sys.argv[1:] or JAX_FAMILIES:
        lines = [json.dumps(record(case)) for case in JAX_FAMILIES[family]]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
        pathlib.Path(__file__).with_name(f"layers_{family}.json").write_text(text)
        print(f"{family}: {len(lines)} cases")


if __name__ == "__main__":
    main()
