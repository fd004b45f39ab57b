"""What Keras's metrics are over three uneven batches. Writes `metrics.json`; the Rust twin of CASES is in
`../metrics.rs`.

    KERAS_BACKEND=tensorflow python metrics.py
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from formulas import uniform, words
from layers import packed

BATCHES, CLASSES = [5, 5, 3], 4


def data(kind):
    """Targets and predictions of 13 samples."""
    samples = sum(BATCHES)
    numbers, others = uniform(1, (samples, CLASSES), 2.0), uniform(2, (samples, CLASSES), 2.0)
    labels = (words(3, samples) % np.uint32(CLASSES)).astype("int32")
    shares = (np.abs(others) + np.float32(0.1)) / np.float32(2.5)
    one_hot = np.eye(CLASSES, dtype="float32")[labels]
    near = numbers + others / np.float32(4.0)
    return {
        "numbers": (numbers, near),
        "yes": ((numbers > 0).astype("float32"), shares),
        "yes_one": ((numbers[:, :1] > 0).astype("float32"), shares[:, :1]),
        "yes_logits": ((numbers > 0).astype("float32"), others),
        "one_hot": (one_hot, shares + one_hot / np.float32(4.0)),
        "labels": (labels[:, None], shares + one_hot / np.float32(4.0)),
        "positive": (np.abs(numbers) + np.float32(0.1), np.abs(near) + np.float32(0.1)),
    }[kind]


M = keras.metrics
CASES = [
    ("binary_accuracy", "yes", M.BinaryAccuracy()),
    ("binary_accuracy 0.3", "yes", M.BinaryAccuracy(threshold=0.3)),
    ("categorical_accuracy", "one_hot", M.CategoricalAccuracy()),
    ("sparse_categorical_accuracy", "labels", M.SparseCategoricalAccuracy()),
    ("top 2", "one_hot", M.TopKCategoricalAccuracy(k=2)),
    ("sparse top 2", "labels", M.SparseTopKCategoricalAccuracy(k=2)),
    ("precision", "yes", M.Precision()),
    ("precision 0.3", "yes", M.Precision(thresholds=0.3)),
    ("precision class 2", "yes", M.Precision(class_id=2)),
    ("recall", "yes", M.Recall()),
    ("recall 0.3 class 1", "yes", M.Recall(thresholds=0.3, class_id=1)),
    ("true_positives", "yes", M.TruePositives()),
    ("false_positives", "yes", M.FalsePositives()),
    ("true_negatives", "yes", M.TrueNegatives()),
    ("false_negatives", "yes", M.FalseNegatives()),
    ("f1_score", "one_hot", M.F1Score()),
    ("f1 micro", "one_hot", M.F1Score(average="micro")),
    ("f1 macro 0.4", "yes", M.F1Score(average="macro", threshold=0.4)),
    ("f beta weighted", "one_hot", M.FBetaScore(average="weighted", beta=2.0)),
    ("auc", "yes", M.AUC()),
    ("auc logits", "yes_logits", M.AUC(from_logits=True)),
    ("auc minoring", "yes", M.AUC(num_thresholds=20, summation_method="minoring")),
    ("auc PR", "yes", M.AUC(curve="PR")),
    ("auc PR majoring", "yes", M.AUC(num_thresholds=11, curve="PR", summation_method="majoring")),
    ("mean_io_u", "one_hot", M.OneHotMeanIoU(num_classes=CLASSES)),
    ("io_u 0 2", "one_hot", M.OneHotIoU(num_classes=CLASSES, target_class_ids=[0, 2])),
    ("mean_io_u", "labels", M.MeanIoU(num_classes=CLASSES, sparse_y_pred=False)),
    ("binary_io_u", "yes_one", M.BinaryIoU()),
    ("binary_io_u 0.3", "yes_one", M.BinaryIoU(target_class_ids=[1], threshold=0.3)),
    ("root_mean_squared_error", "numbers", M.RootMeanSquaredError()),
    ("r2_score", "numbers", M.R2Score()),
    ("cosine_similarity", "numbers", M.CosineSimilarity()),
    ("mean_squared_error", "numbers", M.MeanSquaredError()),
    ("mean_absolute_error", "numbers", M.MeanAbsoluteError()),
    ("mean_absolute_percentage_error", "positive", M.MeanAbsolutePercentageError()),
    ("mean_squared_logarithmic_error", "positive", M.MeanSquaredLogarithmicError()),
    ("log_cosh", "numbers", M.LogCoshError()),
    ("poisson", "positive", M.Poisson()),
    ("kl_divergence", "one_hot", M.KLDivergence()),
    ("hinge", "yes_logits", M.Hinge()),
    ("binary_crossentropy", "yes_one", M.BinaryCrossentropy()),
    ("categorical_crossentropy", "one_hot", M.CategoricalCrossentropy()),
    ("sparse_categorical_crossentropy", "labels", M.SparseCategoricalCrossentropy()),
]


def record(name, kind, metric):
    target, prediction = data(kind)
    start = 0
    for batch in BATCHES:
        metric.update_state(target[start : start + batch], prediction[start : start + batch])
        start += batch
    return {
        "name": name,
        "row": list(target.shape[1:]),
        "target": packed(target),
        "prediction": packed(prediction),
        "labels": kind == "labels",
        "result": np.ravel(metric.result()).astype(float).tolist(),
    }


if __name__ == "__main__":
    lines = [json.dumps(record(*case)) for case in CASES]
    path = pathlib.Path(__file__).with_name("metrics.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} metrics")
