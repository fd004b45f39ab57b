"""What Keras's layers for images give while training, with random numbers whose range is one number, and after training:
outputs and gradients in float32. Writes `layers_augmentation.json` in the form of `layers.py`.

The JAX backend is asked: TensorFlow's gradients of rotated and zoomed images are approximations.

    KERAS_BACKEND=jax python augmentation.py
"""

import copy
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras

from formulas import uniform
from layer_cases import AUGMENTATION
from layers import packed, samples


def record(case, batch=3):
    keras.utils.clear_session()
    layer = getattr(keras.layers, case["class_name"]).from_config(copy.deepcopy(case["config"]))
    training = {"training": True} if case.get("training", False) else {}
    if "Random" in case["class_name"]:
        training.setdefault("training", False)
    y, backwards = jax.vjp(lambda x: layer(x, **training), jnp.asarray(samples(case, batch)))
    (gradient,) = backwards(jnp.asarray(uniform(2, y.shape, 1.0)))
    return case | {
        "batch": batch,
        "weights": [],
        "y_shape": list(y.shape[1:]),
        "y": packed(y),
        "weight_gradients": [],
        "states": [],
        "input_gradient": packed(gradient),
    }


if __name__ == "__main__":
    lines = [json.dumps(record(case)) for case in AUGMENTATION]
    pathlib.Path(__file__).with_name("layers_augmentation.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} cases")
