"""What Keras's `fit` makes of weights of samples, of classes, and of masked time steps: weighting.json. `../weighting.rs`
trains the same models.

    KERAS_BACKEND=tensorflow python weighting.py
"""

import copy
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from formulas import classes, uniform

SAMPLES, BATCH = 13, 5


def layer(class_name, **config):
    return {"class_name": class_name, "config": config}


HIDDEN = layer("Dense", units=5, activation="tanh")
TIMES = [layer("Masking"), layer("SimpleRNN", units=3, return_sequences=True), layer("Dense", units=2)]


def case(name, layers, loss, shape=(4,), weight=None, **options):
    """`weight`: the shape of a sample's weight; `class_weight`: pairs; `masked`: time steps that are all zeros; `reduction`:
    the loss's, where it is not the default."""
    return {"name": name, "layers": layers, "loss": loss, "shape": list(shape), "weight": weight} | options


CASES = [
    case("samples", [HIDDEN, layer("Dense", units=2)], "mean_squared_error", weight=[],
         # A metric does not see the weights, a weighted one does.
         metrics=["mean_squared_error"], weighted_metrics=["mean_squared_error", "mae"]),
    case("softmax", [HIDDEN, layer("Dense", units=3, activation="softmax")], "sparse_categorical_crossentropy", weight=[]),
    case("labels by class", [HIDDEN, layer("Dense", units=3, activation="softmax")], "sparse_categorical_crossentropy",
         class_weight=[[0, 2.0], [2, 0.25]], metrics=["acc"],
         weighted_metrics=["accuracy", "sparse_categorical_crossentropy"]),
    case("one-hot by class", [HIDDEN, layer("Dense", units=3, activation="softmax")], "categorical_crossentropy",
         class_weight=[[0, 0.5], [1, 3.0], [2, 1.0]]),
    case("binary by class", [HIDDEN, layer("Dense", units=1, activation="sigmoid")], "binary_crossentropy",
         class_weight=[[0, 0.5], [1, 4.0]], metrics=["AUC"], weighted_metrics=["AUC", "Precision"]),
    case("masked", TIMES, "mean_squared_error", shape=(4, 3), masked=[[0, 0], [1, 2], [1, 3], [7, 1], [12, 3]]),
    case("masked and weighed", TIMES, "mean_absolute_error", shape=(4, 3), masked=[[0, 0], [1, 2], [11, 1], [12, 3]],
         weight=[4], metrics=["mae"], weighted_metrics=["mae", "cosine_similarity"]),
    case("masked metrics", TIMES, "mean_squared_error", shape=(4, 3), masked=[[0, 0], [1, 2], [1, 3], [7, 1], [12, 3]],
         metrics=["mean_absolute_error", "root_mean_squared_error", "cosine_similarity"]),
    case("sum", [HIDDEN, layer("Dense", units=2)], "mean_squared_error", weight=[], reduction="sum"),
    case("sum by class", [HIDDEN, layer("Dense", units=3, activation="softmax")], "sparse_categorical_crossentropy",
         class_weight=[[0, 2.0], [2, 0.25]], reduction="sum"),
    case("sum masked and weighed", TIMES, "mean_absolute_error", shape=(4, 3), weight=[4], reduction="sum",
         masked=[[0, 0], [1, 2], [11, 1], [12, 3]]),
    case("by weights", [HIDDEN, layer("Dense", units=2)], "mean_squared_error", weight=[],
         reduction="mean_with_sample_weight"),
    case("by weights masked", TIMES, "mean_absolute_error", shape=(4, 3), weight=[4], reduction="mean_with_sample_weight",
         masked=[[0, 0], [1, 2], [11, 1], [12, 3]]),
    # On TensorFlow; on JAX and PyTorch Keras refuses it.
    case("none", [HIDDEN, layer("Dense", units=2)], "mean_squared_error", weight=[], reduction="none"),
    case("times", [layer("SimpleRNN", units=2, return_sequences=True)], "mean_squared_error", shape=(4, 3), weight=[4]),
]


def inputs(case):
    x = uniform(10, (SAMPLES, *case["shape"]), 1.0)
    for sample, time in case.get("masked", []):
        x[sample, time] = 0.0
    return x


def targets(case, model):
    if case["loss"] == "sparse_categorical_crossentropy":
        return classes(20, SAMPLES, 3)[:, None]
    if case["loss"] == "categorical_crossentropy":
        return np.eye(3, dtype="float32")[classes(20, SAMPLES, 3)]
    if case["loss"] == "binary_crossentropy":
        return classes(20, SAMPLES, 2).astype("float32")[:, None]
    return uniform(20, (SAMPLES, *model.output_shape[1:]), 1.0)


def record(case):
    keras.backend.clear_session()
    model = keras.Sequential([keras.Input(case["shape"])])
    for made in copy.deepcopy(case["layers"]):
        model.add(keras.layers.deserialize(made | {"module": "keras.layers"}))
    model.set_weights([uniform(100 + i, w.shape, 0.5) for i, w in enumerate(model.weights)])
    loss = case["loss"]
    if "reduction" in case:
        class_name = "".join(word.capitalize() for word in loss.split("_"))
        loss = getattr(keras.losses, class_name)(reduction=case["reduction"])
    # Sums are steeper than means.
    rate = 0.01 if case.get("reduction") in ("sum", "none") else 0.1
    model.compile(keras.optimizers.SGD(rate), loss=loss, metrics=case.get("metrics", []),
                  weighted_metrics=case.get("weighted_metrics"))
    x, y = inputs(case), targets(case, model)
    weights = None if case["weight"] is None else np.abs(uniform(30, (SAMPLES, *case["weight"]), 2.0))
    options = {"sample_weight": weights}
    if weights is not None:
        options["validation_data"] = (x[:7], y[:7], weights[:7])
    if "class_weight" in case:
        options["class_weight"] = dict(case["class_weight"])
    history = model.fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0, **options).history
    return case | {"rate": rate, "history": history, "final": [w.flatten().astype(float).tolist() for w in model.get_weights()]}


def rounded(value):
    """Nine digits hold a float32."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    lines = [json.dumps(rounded(record(case))) for case in CASES]
    path = pathlib.Path(__file__).with_name("weighting.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} runs")
