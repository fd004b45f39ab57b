"""What Keras's metrics are over three uneven batches. Writes `metrics.json`, each with the metric's own config, from which
`../metrics.rs` makes it.

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
    if kind.endswith("_times"):
        # Three time steps of four numbers.
        shape = (samples, 3, CLASSES)
        numbers, others = uniform(1, shape, 2.0), uniform(2, shape, 2.0)
        labels = (words(3, samples * 3) % np.uint32(CLASSES)).astype("int32").reshape(samples, 3)
        one_hot = np.eye(CLASSES, dtype="float32")[labels]
        shares = (np.abs(others) + np.float32(0.1)) / np.float32(2.5)
        return {
            "numbers_times": (numbers, numbers + others / np.float32(4.0)),
            "one_hot_times": (one_hot, shares + one_hot / np.float32(4.0)),
            "labels_times": (labels[..., None], shares),
            "yes_times": ((numbers > 0).astype("float32"), shares),
        }[kind]
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
        # Class numbers as floats, some of no class; those of the predictions have fractions.
        "classes": (np.floor(numbers[:, :2] + np.float32(2.0)), np.abs(numbers[:, :2] + near[:, 2:]) * np.float32(1.5)),
        "rounded": (np.round(numbers), np.round(near)),
        "sorted": (labels[:, None], np.argsort(-shares, axis=-1).astype("float32")),
        "wild": ((numbers > 0).astype("float32"), others * np.float32(0.7)),
        # Many predictions alike.
        "ties": ((numbers > 0).astype("float32"), np.round(shares * np.float32(3.0)) / np.float32(4.0)),
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
    # Several thresholds, the best alone, one class.
    ("precision thresholds", "yes", M.Precision(thresholds=[0.2, 0.5, 0.7])),
    ("precision even thresholds", "wild", M.Precision(thresholds=[0.0, 0.5, 1.0])),
    ("precision top 2", "yes", M.Precision(top_k=2)),
    ("precision top 2 of ties", "ties", M.Precision(top_k=2)),
    ("recall top 2 0.4 class 1", "yes", M.Recall(thresholds=0.4, top_k=2, class_id=1)),
    ("recall thresholds top 3", "yes", M.Recall(thresholds=[0.3, 0.6], top_k=3)),
    ("true_positives thresholds", "yes", M.TruePositives(thresholds=[0.3, 0.6])),
    ("false_positives thresholds", "yes", M.FalsePositives(thresholds=[0.3, 0.6])),
    ("true_negatives thresholds", "yes", M.TrueNegatives(thresholds=[0.3, 0.6])),
    ("false_negatives thresholds", "yes", M.FalseNegatives(thresholds=[0.3])),
    ("sensitivity_at_specificity", "yes", M.SensitivityAtSpecificity(0.6)),
    ("sensitivity class 2", "yes", M.SensitivityAtSpecificity(0.4, num_thresholds=11, class_id=2)),
    ("specificity_at_sensitivity", "yes", M.SpecificityAtSensitivity(0.7, num_thresholds=50)),
    ("precision_at_recall", "yes", M.PrecisionAtRecall(0.5)),
    ("recall_at_precision", "yes", M.RecallAtPrecision(0.55)),
    ("recall_at_precision 1", "wild", M.RecallAtPrecision(0.5, num_thresholds=1)),
    ("auc thresholds", "yes", M.AUC(thresholds=[0.7, 0.1, 0.45])),
    ("auc soft", "positive", M.AUC()),
    ("auc multi_label", "yes", M.AUC(multi_label=True, num_labels=CLASSES)),
    ("auc multi_label weights", "yes", M.AUC(multi_label=True, label_weights=[0.5, 1.0, 0.0, 3.0], curve="PR")),
    ("auc multi_label PR", "yes_logits", M.AUC(multi_label=True, from_logits=True, curve="PR", summation_method="minoring",
                                               thresholds=[0.2, 0.6])),
    ("auc label_weights", "yes", M.AUC(label_weights=[0.5, 1.0, 0.0, 3.0])),
    ("auc label_weights thresholds", "yes", M.AUC(label_weights=[0.5, 1.0, 0.0, 3.0], thresholds=[0.3, 0.4])),
    ("auc PRGAIN", "yes", M.AUC(curve="PRGAIN")),
    ("auc PRGAIN majoring", "yes", M.AUC(curve="PRGAIN", summation_method="majoring", num_thresholds=20)),
    ("auc PR minoring", "yes", M.AUC(curve="PR", summation_method="minoring")),
    ("auc ROC majoring", "yes", M.AUC(summation_method="majoring", num_thresholds=2)),
    ("r2 each", "numbers", M.R2Score(class_aggregation=None)),
    ("r2 variance", "numbers", M.R2Score(class_aggregation="variance_weighted_average")),
    ("r2 regressors", "numbers", M.R2Score(num_regressors=7)),
    ("r2 each regressors", "numbers", M.R2Score(class_aggregation=None, num_regressors=7)),
    ("r2 too many", "numbers", M.R2Score(num_regressors=51)),
    ("io_u ignore", "labels", M.IoU(CLASSES, [0, 2], ignore_class=2, sparse_y_pred=False)),
    ("mean_io_u ignore", "one_hot", M.OneHotMeanIoU(CLASSES, ignore_class=1)),
    ("io_u dense", "one_hot", M.IoU(CLASSES, [3], sparse_y_true=False, sparse_y_pred=False)),
    ("mean_io_u sparse", "classes", M.MeanIoU(3)),
    ("mean_io_u sparse ignore", "classes", M.MeanIoU(CLASSES, ignore_class=3)),
    ("io_u too few", "labels", M.IoU(3, [1], sparse_y_pred=False)),
    ("binary_io_u of several", "yes", M.BinaryIoU(threshold=0.4)),
    ("binary_io_u at the threshold", "ties", M.BinaryIoU(target_class_ids=[0], threshold=0.5)),
    ("f beta micro", "yes", M.FBetaScore(average="micro", beta=0.5, threshold=0.3)),
    ("f beta each", "yes", M.FBetaScore(beta=3.0, threshold=0.6)),
    ("f1 weighted", "one_hot", M.F1Score(average="weighted", name="f1")),
    ("sparse top 2 sorted", "sorted", M.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)),
    ("accuracy", "rounded", M.Accuracy()),
    ("pearson", "numbers", M.PearsonCorrelation()),
    ("concordance", "numbers", M.ConcordanceCorrelation()),
    ("pearson axis 1", "numbers_times", M.PearsonCorrelation(axis=1)),
    ("concordance axis -2", "numbers_times", M.ConcordanceCorrelation(axis=-2)),
    ("cosine axis 1", "numbers_times", M.CosineSimilarity(axis=1)),
    ("binary_crossentropy options", "yes_logits", M.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)),
    ("categorical_crossentropy options", "one_hot", M.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)),
    ("categorical_crossentropy axis 1", "yes_times", M.CategoricalCrossentropy(axis=1)),
    ("sparse ignore", "labels", M.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)),
    ("squared_hinge", "yes_logits", M.SquaredHinge()),
    ("categorical_hinge", "one_hot", M.CategoricalHinge()),
]

# Over time steps of which a mask leaves some out.
MASKED = [
    ("mean_absolute_error masked", "numbers_times", M.MeanAbsoluteError()),
    ("categorical_accuracy masked", "one_hot_times", M.CategoricalAccuracy()),
    ("sparse_categorical_accuracy masked", "labels_times", M.SparseCategoricalAccuracy()),
    ("binary_accuracy masked", "yes_times", M.BinaryAccuracy(threshold=0.4)),
    ("sparse ignore masked", "labels_times", M.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)),
    ("pearson masked", "numbers_times", M.PearsonCorrelation()),
    ("precision masked", "yes_times", M.Precision()),
    ("root_mean_squared_error masked", "numbers_times", M.RootMeanSquaredError()),
]


# Of samples, or where a mask is of time steps, of these.
WEIGHTS = {False: np.abs(uniform(8, (sum(BATCHES),), 2.0)), True: np.abs(uniform(8, (sum(BATCHES), 3), 2.0))}
# Of which Keras compares several numbers of a sample, but takes one weight for each of them only.
UNWEIGHTED = ("mean_io_u sparse", "mean_io_u sparse ignore", "binary_io_u of several", "binary_io_u at the threshold")


def result(metric, target, prediction, counted, weights):
    """What `metric` is over the batches, with the time steps that are `counted`, and `weights` of the samples."""
    metric.reset_state()
    start = 0
    for batch in BATCHES:
        rows = slice(start, start + batch)
        given = keras.ops.convert_to_tensor(prediction[rows])
        if counted is not None:
            keras.src.backend.set_keras_mask(given, keras.ops.convert_to_tensor(counted[rows]))
        metric.update_state(target[rows], given, sample_weight=None if weights is None else weights[rows])
        start += batch
    return np.ravel(metric.result()).astype(float).tolist()


def record(name, kind, metric, masked=False):
    target, prediction = data(kind)
    counted = (words(7, len(target) * 3) % np.uint32(4) > 0).reshape(-1, 3) if masked else None
    weights = WEIGHTS[masked]
    # Those that count in whole numbers cut fractions of weights off.
    if "IoU" in type(metric).__name__:
        weights = np.ceil(weights)
    config = keras.saving.serialize_keras_object(metric)
    # Keras takes the axis, but leaves it out.
    if isinstance(metric, M.CosineSimilarity):
        config["config"] |= metric._fn_kwargs
    return {
        "name": name,
        "config": {key: config[key] for key in ("module", "class_name", "config")},
        "row": list(target.shape[1:]),
        "prediction_row": list(prediction.shape[1:]),
        "target": packed(target),
        "prediction": packed(prediction),
        "mask": packed(counted.astype("float32")) if masked else None,
        "labels": target.dtype == "int32",
        "result": result(metric, target, prediction, counted, None),
        "weighted_result": None if name in UNWEIGHTED else result(metric, target, prediction, counted, weights),
        "weight": packed(weights),
        "weight_row": list(weights.shape[1:]),
    }


if __name__ == "__main__":
    lines = [json.dumps(record(*case)) for case in CASES] + [json.dumps(record(*case, masked=True)) for case in MASKED]
    path = pathlib.Path(__file__).with_name("metrics.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} metrics")
