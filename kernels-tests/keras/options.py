"""Every option of Keras's classes that gradus has, each once away from its default, as Keras's configs hold it.
Writes `options.json`; `../options.rs` reads each and says which gradus refuses.

    KERAS_BACKEND=tensorflow python options.py
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
from keras import layers

SEED, L2, LIMIT = 7, "l2", "non_neg"
WEIGHTS = {
    "activation": "gelu", "use_bias": False, "kernel_initializer": "he_normal", "bias_initializer": "ones",
    "kernel_regularizer": L2, "bias_regularizer": L2, "activity_regularizer": L2,
    "kernel_constraint": LIMIT, "bias_constraint": LIMIT,
}
DEPTHWISE = {key.replace("kernel", "depthwise"): value for key, value in WEIGHTS.items()}
SEPARABLE = DEPTHWISE | {key.replace("kernel", "pointwise"): v for key, v in WEIGHTS.items() if "kernel" in key}
RECURRENT = WEIGHTS | {
    "recurrent_initializer": "glorot_normal", "recurrent_regularizer": L2, "recurrent_constraint": LIMIT,
    "dropout": 0.2, "recurrent_dropout": 0.3, "return_sequences": True, "return_state": True, "go_backwards": True,
    "unroll": True, "zero_output_for_mask": True, "seed": SEED,
}
GATED = RECURRENT | {"recurrent_activation": "hard_sigmoid"}
NORMALIZATION = {
    "axis": 1, "epsilon": 0.01, "center": False, "scale": False, "beta_initializer": "ones",
    "gamma_initializer": "zeros", "beta_regularizer": L2, "gamma_regularizer": L2, "beta_constraint": LIMIT,
    "gamma_constraint": LIMIT,
}
FIRST = {"data_format": "channels_first"}

APART = FIRST | {"strides": 2, "padding": "same", "dilation_rate": 2, "depth_multiplier": 2}
MOVED = FIRST | {"fill_mode": "wrap", "interpolation": "nearest", "seed": SEED, "fill_value": 0.5}


def conv(rank):
    return WEIGHTS | FIRST | {"strides": 2, "padding": "same", "dilation_rate": 2, "groups": 2}


def transposed(rank):
    return WEIGHTS | FIRST | {"strides": 2, "padding": "same", "output_padding": 0, "dilation_rate": 2}


def pool(rank):
    return FIRST | {"pool_size": 3, "strides": 1, "padding": "same"}


CASES = {
    "Dense": ({"units": 2}, WEIGHTS),
    "Activation": ({"activation": "relu"}, {}),
    "Flatten": ({}, FIRST),
    "Reshape": ({"target_shape": (2, 3)}, {}),
    "Permute": ({"dims": (2, 1)}, {}),
    "RepeatVector": ({"n": 2}, {}),
    "ZeroPadding2D": ({}, FIRST | {"padding": ((1, 0), (2, 1))}),
    "Cropping2D": ({}, FIRST | {"cropping": ((1, 0), (2, 1))}),
    "UpSampling2D": ({}, FIRST | {"size": (2, 3), "interpolation": "bilinear"}),
    "Conv1D": ({"filters": 2, "kernel_size": 2}, conv(1)),
    "Conv2D": ({"filters": 2, "kernel_size": 2}, conv(2)),
    "Conv3D": ({"filters": 2, "kernel_size": 2}, conv(3)),
    "Conv1DTranspose": ({"filters": 2, "kernel_size": 2}, transposed(1)),
    "Conv2DTranspose": ({"filters": 2, "kernel_size": 2}, transposed(2)),
    **{f"DepthwiseConv{rank}D": ({"kernel_size": 2}, DEPTHWISE | APART) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": ({"filters": 2, "kernel_size": 2}, SEPARABLE | APART) for rank in (1, 2)},
    **{f"{kind}Pooling{rank}D": ({"pool_size": 2}, pool(rank)) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": ({}, FIRST | {"keepdims": True})
       for kind in ("Max", "Average") for rank in (1, 2, 3)},
    "Dropout": ({"rate": 0.5}, {"noise_shape": (None, 1, None), "seed": SEED}),
    "SpatialDropout1D": ({"rate": 0.5}, {"seed": SEED}),
    **{f"SpatialDropout{rank}D": ({"rate": 0.5}, FIRST | {"seed": SEED}) for rank in (2, 3)},
    "GaussianNoise": ({"stddev": 0.5}, {"seed": SEED}),
    "GaussianDropout": ({"rate": 0.5}, {"seed": SEED}),
    "AlphaDropout": ({"rate": 0.5}, {"noise_shape": (None, 1), "seed": SEED}),
    "ActivityRegularization": ({}, {"l1": 0.1, "l2": 0.1}),
    "BatchNormalization": ({}, NORMALIZATION | {
        "momentum": 0.8, "moving_mean_initializer": "ones", "moving_variance_initializer": "zeros", "renorm": True,
        "renorm_clipping": {"rmax": 2.0, "dmax": 1.0}, "renorm_momentum": 0.8, "synchronized": True}),
    "LayerNormalization": ({}, NORMALIZATION),
    "GroupNormalization": ({}, NORMALIZATION | {"groups": 2}),
    "RMSNormalization": ({}, {"axis": 1, "epsilon": 0.01}),
    "Embedding": ({"input_dim": 3, "output_dim": 2}, {
        "embeddings_initializer": "ones", "embeddings_regularizer": L2, "embeddings_constraint": LIMIT,
        "mask_zero": True}),
    "SimpleRNN": ({"units": 2}, RECURRENT),
    "LSTM": ({"units": 2}, GATED | {"unit_forget_bias": False}),
    "GRU": ({"units": 2}, GATED | {"reset_after": False}),
    "Bidirectional": ({"layer": layers.LSTM(2)}, {
        "merge_mode": None, "backward_layer": layers.GRU(2, go_backwards=True)}),
    "TimeDistributed": ({"layer": layers.Dense(2)}, {}),
    "Masking": ({}, {"mask_value": 1.0}),
    "CenterCrop": ({"height": 2, "width": 3}, FIRST),
    "RandomCrop": ({"height": 2, "width": 3}, FIRST | {"seed": SEED}),
    "RandomFlip": ({}, FIRST | {"mode": "vertical", "seed": SEED}),
    **{f"Random{tone}": ({"factor": 0.2}, FIRST | {"value_range": (0, 1), "seed": SEED})
       for tone in ("Brightness", "Contrast")},
    "RandomRotation": ({"factor": 0.2}, MOVED),
    "RandomTranslation": ({"height_factor": 0.2, "width_factor": 0.2}, MOVED),
    "RandomZoom": ({"height_factor": 0.2}, MOVED | {"width_factor": 0.3}),
    "Rescaling": ({"scale": 0.5}, {"scale": [0.5, 2.0], "offset": [1.0, 2.0]}),
    "Resizing": ({"height": 2, "width": 3}, FIRST | {
        "interpolation": "lanczos5", "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True, "fill_value": 0.5,
        "antialias": True}),
    "LeakyReLU": ({}, {"negative_slope": 0.1}),
    "PReLU": ({}, {"alpha_initializer": "ones", "alpha_regularizer": L2, "alpha_constraint": LIMIT,
                   "shared_axes": [1]}),
    "ELU": ({}, {"alpha": 0.5}),
    "ReLU": ({}, {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.5}),
    "Softmax": ({}, {"axis": 1}),
    "Concatenate": ({}, {"axis": 1}),
    "Dot": ({"axes": 1}, {"axes": (1, 2), "normalize": True}),
    **{name: ({}, {}) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
}
CASES = {name: (needed, own | {"lora_rank": 2} if name in ("Dense", "Embedding", "Conv1D", "Conv2D", "Conv3D") else own)
         for name, (needed, own) in CASES.items()}
# All layers have this one, but for these.
NOT_REGULARIZED = ("ActivityRegularization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
CASES = {name: (needed, own if name in NOT_REGULARIZED else own | {"activity_regularizer": L2})
         for name, (needed, own) in CASES.items()}
MIXED = {"from_logits": True, "label_smoothing": 0.1, "axis": 1}
FOCAL = MIXED | {"alpha": 0.3, "gamma": 1.5}
REDUCED = {"reduction": "sum"}
LOSSES = {
    "BinaryCrossentropy": MIXED, "CategoricalCrossentropy": MIXED, "CategoricalFocalCrossentropy": FOCAL,
    "BinaryFocalCrossentropy": FOCAL | {"apply_class_balancing": True},
    # Its config, and that of CosineSimilarity, does not hold the axis, nor Huber's its delta.
    "SparseCategoricalCrossentropy": {"from_logits": True, "ignore_class": 1},
    "Huber": {"delta": 0.5}, "CosineSimilarity": {}, "Dice": {"axis": 1},
    "Tversky": {"alpha": 0.3, "beta": 0.6, "axis": 1},
    **{name: {} for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
        "LogCosh", "KLDivergence", "Poisson", "Hinge", "SquaredHinge", "CategoricalHinge", "CTC")},
    "CategoricalGeneralizedCrossEntropy": {"q": 0.3},
}
COUNTED = {"thresholds": [0.3, 0.6]}
NAMED = {"name": "other"}
AT = {"num_thresholds": 50, "class_id": 1}
OVERLAP = {"ignore_class": 1, "sparse_y_pred": True, "axis": 1}
# By class: what must be given, and the options.
METRICS = {
    **{name: ({}, {}) for name in (
        "Accuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "MeanSquaredError", "RootMeanSquaredError",
        "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "CosineSimilarity",
        "LogCoshError", "Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson")},
    "BinaryAccuracy": ({}, {"threshold": 0.3}), "TopKCategoricalAccuracy": ({}, {"k": 2}),
    "SparseTopKCategoricalAccuracy": ({}, {"k": 2, "from_sorted_ids": True}),
    **{name: ({}, COUNTED) for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")},
    **{name: ({}, COUNTED | {"top_k": 2, "class_id": 1}) for name in ("Precision", "Recall")},
    "SensitivityAtSpecificity": ({"specificity": 0.5}, AT), "SpecificityAtSensitivity": ({"sensitivity": 0.5}, AT),
    "PrecisionAtRecall": ({"recall": 0.5}, AT), "RecallAtPrecision": ({"precision": 0.5}, AT),
    "AUC": ({}, {"num_thresholds": 50, "curve": "PR", "summation_method": "minoring", "thresholds": [0.2, 0.5],
                 "multi_label": True, "label_weights": [0.5, 2.0], "from_logits": True}),
    "F1Score": ({}, {"average": "micro", "threshold": 0.3}),
    "FBetaScore": ({}, {"average": "macro", "beta": 2.0, "threshold": 0.3}),
    "R2Score": ({}, {"class_aggregation": None, "num_regressors": 2}),
    "PearsonCorrelation": ({}, {"axis": 1}), "ConcordanceCorrelation": ({}, {"axis": 1}),
    "BinaryCrossentropy": ({}, {"from_logits": True, "label_smoothing": 0.1}),
    "CategoricalCrossentropy": ({}, MIXED),
    "SparseCategoricalCrossentropy": ({}, {"from_logits": True, "ignore_class": 1, "axis": 1}),
    "IoU": ({"num_classes": 3, "target_class_ids": [1]}, OVERLAP | {"sparse_y_true": False, "sparse_y_pred": False}),
    "MeanIoU": ({"num_classes": 3}, OVERLAP | {"sparse_y_true": False, "sparse_y_pred": False}),
    "OneHotIoU": ({"num_classes": 3, "target_class_ids": [1]}, OVERLAP),
    "OneHotMeanIoU": ({"num_classes": 3}, OVERLAP),
    "BinaryIoU": ({}, {"target_class_ids": [1], "threshold": 0.3}),
}
COMMON = {
    "learning_rate": 0.3, "weight_decay": 0.1, "clipnorm": 1.0, "clipvalue": 0.5, "global_clipnorm": 2.0, "use_ema": True,
    "ema_momentum": 0.8, "ema_overwrite_frequency": 3, "loss_scale_factor": 2.0, "gradient_accumulation_steps": 2,
}
BETAS = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.01}
OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True}, "Adam": BETAS | {"amsgrad": True}, "AdamW": BETAS | {"amsgrad": True},
    "Adamax": BETAS, "Nadam": BETAS, "Lamb": BETAS, "Lion": {"beta_1": 0.8, "beta_2": 0.9},
    "RMSprop": {"rho": 0.8, "momentum": 0.5, "epsilon": 0.01, "centered": True},
    "Adagrad": {"initial_accumulator_value": 0.5, "epsilon": 0.01}, "Adadelta": {"rho": 0.8, "epsilon": 0.01},
    "Ftrl": {"learning_rate_power": -0.7, "initial_accumulator_value": 0.5, "l1_regularization_strength": 0.1,
             "l2_regularization_strength": 0.1, "l2_shrinkage_regularization_strength": 0.1, "beta": 0.1},
    "Muon": {"adam_beta_1": 0.8, "adam_beta_2": 0.9, "adam_weight_decay": 0.1, "epsilon": 0.01,
             "exclude_layers": ["dense"], "exclude_embeddings": False, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0,
             "adam_lr_ratio": 0.5, "momentum": 0.8, "ns_steps": 3, "nesterov": False, "rms_rate": 0.1},
}
SEEDED = {"seed": SEED}
SPREAD = {"mean": 0.5, "stddev": 0.3, "seed": SEED}
INITIALIZERS = {
    **{family + shape: SEEDED for family in ("Glorot", "He", "Lecun") for shape in ("Normal", "Uniform")},
    "RandomNormal": SPREAD, "TruncatedNormal": SPREAD, "RandomUniform": {"minval": -1.0, "maxval": 2.0, "seed": SEED},
    "VarianceScaling": {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform", "seed": SEED},
    "Orthogonal": {"gain": 0.5, "seed": SEED}, "Identity": {"gain": 0.5}, "Constant": {"value": 0.5}, "Zeros": {}, "Ones": {},
}
REGULARIZERS = {"L1": {"l1": 0.1}, "L2": {"l2": 0.1}, "L1L2": {"l1": 0.1, "l2": 0.2},
                "OrthogonalRegularizer": {"factor": 0.1, "mode": "columns"}}
CONSTRAINTS = {"MaxNorm": {"max_value": 3.0, "axis": -1}, "UnitNorm": {"axis": (0, 1)}, "NonNeg": {},
               "MinMaxNorm": {"min_value": 0.1, "max_value": 2.0, "rate": 0.5, "axis": 1}}
KINDS = [
    ("layer", layers, CASES),
    ("loss", keras.losses, {name: ({}, own | REDUCED) for name, own in LOSSES.items()}),
    ("metric", keras.metrics, {name: (needed, own | NAMED) for name, (needed, own) in METRICS.items()}),
    ("optimizer", keras.optimizers, {name: ({}, own | COMMON) for name, own in OPTIMIZERS.items()}),
    ("initializer", keras.initializers, {name: ({}, own) for name, own in INITIALIZERS.items()}),
    ("regularizer", keras.regularizers, {name: ({}, own) for name, own in REGULARIZERS.items()}),
    ("constraint", keras.constraints, {name: ({}, own) for name, own in CONSTRAINTS.items()}),
]


def serialized(module, name, options):
    made = keras.saving.serialize_keras_object(getattr(module, name)(**options))
    made["config"].pop("name", None)
    return json.loads(json.dumps(made, default=float))


def lines():
    for kind, module, classes in KINDS:
        for name, (needed, options) in classes.items():
            for option, value in [(None, None), *options.items()]:
                # Nesterov's momentum needs one.
                others = {"momentum": 0.9} if (name, option) == ("SGD", "nesterov") else {}
                given = {} if option is None else {option: value}
                yield {"kind": kind, "option": option, "config": serialized(module, name, needed | others | given)}


if __name__ == "__main__":
    # What is left out of a config has its default: only what differs from that is kept.
    default, kept = None, []
    for line in lines():
        config = line["config"]
        if line["option"] is None:
            default = config["config"]
        else:
            own = {key: value for key, value in config["config"].items() if default.get(key, "absent") != value}
            required = {"units", "filters", "kernel_size", "rate", "stddev", "input_dim", "output_dim", "layer", "axes",
                        "pool_size", "num_classes", "target_class_ids", "specificity", "sensitivity", "recall", "precision",
                        "height", "width", "factor", "height_factor", "width_factor", "scale", "target_shape", "dims", "n"}
            config = config | {"config": own | {key: value for key, value in default.items() if key in required - own.keys()}}
        kept.append(json.dumps(line | {"config": {"class_name": config["class_name"], "config": config["config"]}}))
    path = pathlib.Path(__file__).with_name("options.json")
    path.write_text("[\n" + ",\n".join(kept) + "\n]\n")
    print(len(kept), "cases")
