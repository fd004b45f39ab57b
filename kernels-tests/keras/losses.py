"""What Keras's losses and their gradients are in float32. Writes `losses.json`, each with the loss's own config, from which
`../losses.rs` makes it.

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
    if kind.endswith("_times"):
        # Three time steps of four numbers, with what is one of three along axis 1.
        shape = (BATCH, 3, CLASSES)
        numbers, others = uniform(1, shape, 2.0), uniform(2, shape, 2.0)
        classes = (words(3, BATCH * CLASSES) % np.uint32(3)).astype("int32").reshape(BATCH, CLASSES)
        labels = (words(4, BATCH * 3) % np.uint32(CLASSES)).astype("int32").reshape(BATCH, 3)
        shares = (np.abs(others) + np.float32(0.1)) / np.float32(2.5)
        one_hot = np.eye(3, dtype="float32")[classes].transpose(0, 2, 1)
        return {
            "numbers_times": (numbers, others),
            "yes_times": ((numbers > 0).astype("float32"), shares),
            "one_hot_times": (one_hot, shares),
            "one_hot_logits_times": (one_hot, others),
            "labels_times": (labels[..., None], others),
        }[kind]
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
        "labels": (labels[:, None], shares),
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
    ("generalized", "labels", L.CategoricalGeneralizedCrossEntropy()),
    ("generalized 0.2", "labels", L.CategoricalGeneralizedCrossEntropy(0.2)),
    ("ctc", "labels_sequences", L.CTC()),
    ("mean_squared_error", "numbers", L.MeanSquaredError()),
    ("mean_absolute_error", "numbers", L.MeanAbsoluteError()),
]
# Losses along an axis, over three time steps, and what weights of samples or times and a mask do in each reduction.
AXES = [
    ("categorical axis 1", "one_hot_times", L.CategoricalCrossentropy(axis=1)),
    # Unsmoothed: of smoothed targets, whose sum along axis 1 is not 1, TensorFlow's gradient is that of others.
    ("categorical axis 1 logits", "one_hot_logits_times", L.CategoricalCrossentropy(True, axis=1)),
    ("categorical axis -2", "one_hot_times", L.CategoricalCrossentropy(label_smoothing=0.2, axis=-2)),
    ("categorical axis 0", "yes_times", L.CategoricalCrossentropy(axis=0)),
    ("binary axis 1", "yes_times", L.BinaryCrossentropy(axis=1)),
    ("binary axis 1 sum", "yes_times", L.BinaryCrossentropy(axis=1, reduction="sum")),
    ("binary axis 0 sum", "yes_times", L.BinaryCrossentropy(axis=0, reduction="sum")),
    ("binary focal axis 1 sum", "yes_times", L.BinaryFocalCrossentropy(True, axis=1, reduction="sum")),
    ("categorical focal axis 1", "one_hot_times", L.CategoricalFocalCrossentropy(label_smoothing=0.1, axis=1)),
    ("categorical focal axis 1 logits", "one_hot_logits_times", L.CategoricalFocalCrossentropy(from_logits=True, axis=1)),
    ("cosine axis 1", "numbers_times", L.CosineSimilarity(axis=1)),
    ("cosine axis 1 none", "numbers_times", L.CosineSimilarity(axis=1, reduction=None)),
    ("dice axes 1 2", "yes_times", L.Dice(axis=(1, 2))),
    ("dice axis 1 sum", "yes_times", L.Dice(axis=1, reduction="sum")),
    ("tversky axes 1 2", "yes_times", L.Tversky(alpha=0.3, beta=0.8, axis=(1, 2))),
    ("tversky axis 0 none", "yes_times", L.Tversky(axis=0, reduction="none")),
]
WEIGHED = [
    (f"{loss.name} {loss.reduction} {weight} {mask}", kind, loss, weight, mask)
    for reduction in ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")
    for kind, loss, weights, masks in (
        ("numbers", L.MeanSquaredError(reduction=reduction), (None, "samples"), (None,)),
        ("numbers_times", L.MeanAbsoluteError(reduction=reduction), (None, "times"), (None, "mask")),
        ("labels_times", L.SparseCategoricalCrossentropy(True, ignore_class=2, reduction=reduction), (None, "times"),
         (None, "mask")),
        ("one_hot", L.CategoricalCrossentropy(reduction=reduction), ("samples",), (None,)),
        ("yes", L.Dice(reduction=reduction), ("samples",), (None,)),
    )
    for weight in weights
    for mask in masks
]


def record(name, kind, loss, weight=None, mask=None):
    target, prediction = data(kind)
    prediction = tf.constant(prediction)
    shape = {None: (), "samples": (BATCH,), "times": (BATCH, 3)}[weight]
    weights = None if weight is None else np.abs(uniform(6, shape, 2.0))
    counted = (words(7, BATCH * 3) % np.uint32(4) > 0).astype("float32").reshape(BATCH, 3)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        if mask is not None:
            keras.src.backend.set_keras_mask(prediction, tf.constant(counted > 0))
        # It multiplies labels [6, 1] and predictions [6, 4] pair by pair: a slip of Keras's, which labels [6] do not meet.
        flat = isinstance(loss, L.CategoricalGeneralizedCrossEntropy)
        value = loss(tf.constant(target[:, 0] if flat else target), prediction, weights)
    config = keras.saving.serialize_keras_object(loss)
    # Keras takes all of these, but leaves some out.
    config["config"] |= loss._fn_kwargs
    return {
        "name": name,
        "config": {key: config[key] for key in ("class_name", "config")},
        "row": list(prediction.shape[1:]),
        "target_row": list(target.shape[1:]),
        "target": packed(target),
        "prediction": packed(prediction),
        "labels": kind.startswith("labels"),
        "weight": None if weights is None else packed(weights),
        "mask": None if mask is None else packed(counted),
        # What is not reduced is trained on as its sum and reported as its mean.
        "loss": float(tf.reduce_mean(value)),
        "gradient": packed(tape.gradient(value, prediction)),
    }


if __name__ == "__main__":
    lines = [json.dumps(record(*case)) for case in CASES + AXES + WEIGHED]
    path = pathlib.Path(__file__).with_name("losses.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} losses")
