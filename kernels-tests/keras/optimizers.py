"""What Keras's optimizers make of weights in 10 steps, and its schedules of the learning rate, in float32. Writes
`optimizers.json`; `../optimizers.rs` reads it.

    KERAS_BACKEND=tensorflow python optimizers.py

Each line holds Keras's config of an optimizer and the weights after 10 steps (every third number of a large one), whose gradients are `uniform(100 * step +
parameter, AMPLITUDES[parameter])`; or a schedule's and its rates.
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from formulas import uniform
from layers import packed

STEPS = 10
PARAMETERS = [
    ("dense/kernel", (7, 5)),
    ("dense/bias", (5,)),
    ("embedding/embeddings", (6, 4)),
    ("dense_1/kernel", (18, 16)),
    ("dense_2/kernel", (5, 7)),
]
AMPLITUDES = [1.0, 0.3, 2.0, 0.1, 1.0]

COMMON = [
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "exclude": ["bias", "embeddings"]},
    {"clipnorm": 0.8},
    {"clipvalue": 0.25},
    {"global_clipnorm": 1.5},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 4},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2,
     "weight_decay": 0.1, "clipnorm": 0.8},
    {"loss_scale_factor": 3.0},
]
OWN = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "Adam": [{"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}, {"amsgrad": True, "beta_2": 0.5}],
    "AdamW": [{"weight_decay": 0.2}],
    "Adamax": [{"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}],
    "Nadam": [{"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}],
    "RMSprop": [{"rho": 0.7, "epsilon": 0.01}, {"momentum": 0.8}, {"centered": True}, {"momentum": 0.8, "centered": True}],
    "Adagrad": [{"initial_accumulator_value": 0.5, "epsilon": 0.01}],
    "Adadelta": [{"rho": 0.7, "epsilon": 0.01}],
    "Ftrl": [
        {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1},
        {"l2_shrinkage_regularization_strength": 0.1, "beta": 0.3},
        {"learning_rate_power": -0.7, "initial_accumulator_value": 0.3},
    ],
    "Lion": [{"beta_1": 0.6, "beta_2": 0.7, "weight_decay": 0.1}],
    "Lamb": [{"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01, "weight_decay": 0.1}],
    "Muon": [
        {"nesterov": False, "momentum": 0.8, "rms_rate": None, "ns_steps": 3},
        {"exclude_layers": ["dense_1"], "exclude_embeddings": False, "adam_lr_ratio": 0.5},
        # The classic coefficients, which converge: others than Muon's own throw rounding errors wider apart than 1e-5,
        # those of Keras's float32 too.
        {"adam_weight_decay": None, "weight_decay": 0.1, "muon_a": 1.875, "muon_b": -1.25, "muon_c": 0.375},
        {"adam_beta_1": 0.7, "adam_beta_2": 0.9, "epsilon": 0.01, "weight_decay": None, "clipnorm": 0.8},
    ],
}
# With the default rate too: a default that is wrong must show.
RATES = {"SGD": 0.05, "Adadelta": 1.0}
# The common options belong to all: three of different slots, for all of them.
CASES = [(name, own) for name in OWN for own in [{"learning_rate": None}, {}, *OWN[name]]]
CASES += [(name, common) for name in ["Adam", "SGD"] for common in COMMON]
CASES += [("Ftrl", COMMON[7]), ("Lamb", COMMON[8]), ("Muon", COMMON[8]), ("Nadam", COMMON[8]), ("Adagrad", COMMON[4])]

S = keras.optimizers.schedules
SCHEDULES = [
    S.ExponentialDecay(0.1, 7, 0.5),
    S.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    S.PiecewiseConstantDecay([5, 20], [0.1, 0.03, 0.01]),
    S.PolynomialDecay(0.1, 15),
    S.PolynomialDecay(0.1, 9, end_learning_rate=0.02, power=2.0, cycle=True),
    S.PolynomialDecay(0.02, 30, end_learning_rate=0.1, power=0.5),
    S.InverseTimeDecay(0.1, 7, 0.5),
    S.InverseTimeDecay(0.1, 7, 0.5, staircase=True),
    S.CosineDecay(0.1, 20),
    S.CosineDecay(0.1, 20, alpha=0.2),
    S.CosineDecay(0.01, 20, alpha=0.1, warmup_target=0.2, warmup_steps=8),
    S.CosineDecayRestarts(0.1, 6),
    S.CosineDecayRestarts(0.1, 5, t_mul=1.0, m_mul=0.8, alpha=0.05),
    S.CosineDecayRestarts(0.1, 4, t_mul=1.5, m_mul=1.1),
]


def variables():
    made = []
    for i, (path, shape) in enumerate(PARAMETERS):
        scope, name = path.split("/")
        with keras.src.backend.name_scope(scope):
            made.append(keras.Variable(uniform(i + 1, shape, 0.5), name=name))
    return made


def sampled(weight):
    """Every third number of a large weight."""
    values = weight.numpy().ravel()
    return values[::3] if values.size > 256 else values


def record(name, options):
    options = {"learning_rate": RATES.get(name, 0.02), **options}
    if options["learning_rate"] is None:
        del options["learning_rate"]
    excluded = options.pop("exclude", None)
    optimizer = getattr(keras.optimizers, name)(**options)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=excluded)
    weights = variables()
    for step in range(STEPS):
        shapes = enumerate(shape for _, shape in PARAMETERS)
        gradients = [uniform(100 * (step + 1) + i, shape, AMPLITUDES[i]) for i, shape in shapes]
        optimizer.apply([tf.constant(g) for g in gradients], weights)
    line = {"optimizer": keras.optimizers.serialize(optimizer), "weights": [packed(sampled(w)) for w in weights]}
    return line | ({"exclude": excluded} if excluded else {})


def rates(schedule):
    return {"schedule": S.serialize(schedule), "rates": [float(schedule(step)) for step in range(50)]}


if __name__ == "__main__":
    scheduled = [("Adam", {"learning_rate": SCHEDULES[10], "gradient_accumulation_steps": 2})]
    lines = [json.dumps(record(*case)) for case in CASES + scheduled] + [json.dumps(rates(s)) for s in SCHEDULES]
    path = pathlib.Path(__file__).with_name("optimizers.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(CASES) + 1} runs, {len(SCHEDULES)} schedules, {path.stat().st_size} bytes")
