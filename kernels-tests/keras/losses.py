"""What Keras's losses and their gradients are in float32. Writes `losses.json`; the Rust twin of CASES is in
`../losses.rs`.

    KERAS_BACKEND=tensorflow python losses.py
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from formulas import uniform, words
from layers import packed

BATCH, CLASSES, TIME = 6, 4, 7


def data(kind):
    """Targets and predictions `[6, 4]`, or of sequences `[6, 7]` and `[6, 7, 4]`."""
    if kind == "labels_sequences":
        lengths = np.array([3, 1, 0, 4, 7, 3])
        numbers = (words(4, BATCH * TIME) % np.uint32(CLASSES - 1)).astype("int32").reshape(BATCH, TIME) + 1
        # All seven steps spell labels, which then must not repeat: 1 2 3 1 2 3 1.
        numbers[4] = np.arange(TIME) % 3 + 1
        numbers[5, 1] = numbers[5, 0]
        labels = np.where(np.arange(TIME)[None] < lengths[:, None], numbers, 0)
        return labels, uniform(5, (BATCH, TIME, CLASSES), 3.0)
    numbers, others = uniform(1, (BATCH, CLASSES), 2.0), uniform(2, (BATCH, CLASSES), 2.0)
    labels = (words(3, BATCH) % np.uint32(CLASSES)).astype("int32")
    shares = np.abs(others) + np.float32(0.1)
    shares = shares / np.float32(10.0)
    return {
        "numbers": (numbers, others),
        "positive": (np.abs(numbers) + np.float32(0.1), np.abs(others) + np.float32(0.1)),
        "signs": (np.sign(numbers), others),
        "bits": ((numbers > 0).astype("float32"), others),
        "yes": ((numbers > 0).astype("float32"), shares * np.float32(4.0)),
        "shares": (np.abs(numbers) / np.float32(4.0) + np.float32(0.1), shares),
        "one_hot": (np.eye(CLASSES, dtype="float32")[labels], shares),
        "one_hot_logits": (np.eye(CLASSES, dtype="float32")[labels], others),
        "labels_logits": (labels[:, None], others),
    }[kind]


L = keras.losses
CASES = [
    ("mean_absolute_percentage_error", "positive", L.MeanAbsolutePercentageError()),
    ("mean_squared_logarithmic_error", "positive", L.MeanSquaredLogarithmicError()),
    ("huber", "numbers", L.Huber()),
    ("huber 0.4", "numbers", L.Huber(delta=0.4)),
    ("log_cosh", "numbers", L.LogCosh()),
    ("poisson", "positive", L.Poisson()),
    ("kl_divergence", "shares", L.KLDivergence()),
    ("hinge", "signs", L.Hinge()),
    ("hinge", "bits", L.Hinge()),
    ("squared_hinge", "signs", L.SquaredHinge()),
    ("categorical_hinge", "one_hot_logits", L.CategoricalHinge()),
    ("cosine_similarity", "numbers", L.CosineSimilarity()),
    ("dice", "yes", L.Dice()),
    ("tversky", "yes", L.Tversky()),
    ("tversky 0.3 0.8", "yes", L.Tversky(alpha=0.3, beta=0.8)),
    ("binary_focal_crossentropy", "yes", L.BinaryFocalCrossentropy()),
    ("binary_focal options", "yes", L.BinaryFocalCrossentropy(True, alpha=0.3, gamma=1.5, label_smoothing=0.1)),
    ("binary_focal logits", "bits", L.BinaryFocalCrossentropy(from_logits=True)),
    ("categorical_focal_crossentropy", "one_hot", L.CategoricalFocalCrossentropy()),
    ("categorical_focal options", "one_hot", L.CategoricalFocalCrossentropy(alpha=0.4, gamma=1.5, label_smoothing=0.1)),
    ("categorical_focal logits", "one_hot_logits", L.CategoricalFocalCrossentropy(from_logits=True)),
    ("binary_crossentropy", "yes", L.BinaryCrossentropy()),
    ("binary_crossentropy smooth", "yes", L.BinaryCrossentropy(label_smoothing=0.2)),
    ("categorical_crossentropy", "one_hot", L.CategoricalCrossentropy()),
    ("categorical_crossentropy smooth", "one_hot_logits", L.CategoricalCrossentropy(True, label_smoothing=0.2)),
    ("sparse ignore", "labels_logits", L.SparseCategoricalCrossentropy(True, ignore_class=2)),
    ("ctc", "labels_sequences", L.CTC()),
    ("mean_squared_error", "numbers", L.MeanSquaredError()),
    ("mean_absolute_error", "numbers", L.MeanAbsoluteError()),
]


def record(name, kind, loss):
    target, prediction = data(kind)
    prediction = tf.constant(prediction)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = loss(tf.constant(target), prediction)
    return {
        "name": name,
        "row": list(prediction.shape[1:]),
        "target": packed(target),
        "prediction": packed(prediction),
        "labels": kind.startswith("labels"),
        "loss": float(value),
        "gradient": packed(tape.gradient(value, prediction)),
    }


if __name__ == "__main__":
    lines = [json.dumps(record(*case)) for case in CASES]
    path = pathlib.Path(__file__).with_name("losses.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} losses")
