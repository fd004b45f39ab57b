"""What Keras's callbacks do with fixed sequences of logs: callbacks.json.

A first callback puts the values into the logs and the epoch's number, from 1, into the model's only weight.
"""

import json
import os
import tempfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

FALLING = [5.0, 4.0, 3.0, 3.5, 3.2, 2.9, 2.95, 2.99, 3.1, 3.2]
RISING = [0.1, 0.3, 0.2, 0.25, 0.31, 0.3, 0.3, 0.3, 0.3, 0.3]
FLAT = [1.0, 0.99995, 0.9999, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.89, 0.89]
NANS = [2.0, float("nan"), 1.0, float("nan"), float("nan"), 0.5, 0.6]

CASES = [
    ("EarlyStopping", {}, FALLING),
    ("EarlyStopping", {"patience": 1}, FALLING),
    ("EarlyStopping", {"patience": 2, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 3, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 9, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 3, "min_delta": 0.2, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 3, "min_delta": -0.2}, FALLING),
    ("EarlyStopping", {"patience": 4, "baseline": 3.1, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 4, "baseline": 1.0, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"monitor": "val_accuracy", "patience": 2, "restore_best_weights": True}, RISING),
    ("EarlyStopping", {"monitor": "val_accuracy", "mode": "min", "patience": 3}, RISING),
    ("EarlyStopping", {"mode": "max", "patience": 2, "restore_best_weights": True}, FALLING),
    ("EarlyStopping", {"patience": 2, "restore_best_weights": True}, NANS),
    ("EarlyStopping", {"patience": 2, "restore_best_weights": True}, NANS[1:]),
    ("ReduceLROnPlateau", {"patience": 2}, FLAT),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "min_lr": 0.02}, FALLING),
    ("ReduceLROnPlateau", {"patience": 0, "factor": 0.5}, FALLING),
    ("ReduceLROnPlateau", {"patience": 2, "cooldown": 2, "factor": 0.5}, FLAT),
    ("ReduceLROnPlateau", {"patience": 1, "min_delta": 0.0, "factor": 0.5}, FLAT),
    ("ReduceLROnPlateau", {"monitor": "val_accuracy", "patience": 1, "factor": 0.3}, RISING),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5}, NANS),
    ("LearningRateScheduler", {}, FALLING),
    ("ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}.h5"}, FALLING),
    ("ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}.h5", "save_best_only": True}, FALLING),
    ("ModelCheckpoint", {"filepath": "{epoch}.h5", "save_best_only": True, "initial_value_threshold": 3.0}, FALLING),
    ("ModelCheckpoint", {"filepath": "{epoch}.h5", "save_best_only": True, "monitor": "val_accuracy"}, RISING),
    ("ModelCheckpoint", {"filepath": "{epoch:d}-{batch:03d}.h5", "save_freq": 4}, FALLING[:4]),
    ("CSVLogger", {}, FALLING[:2]),
    ("CSVLogger", {"separator": ";"}, FALLING[:2]),
]


class Feed(keras.callbacks.Callback):
    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs.clear()
        logs["loss"] = 0.25
        logs[self.name] = self.values[epoch]
        self.model.set_weights([np.full((1, 1), epoch + 1, np.float32)])


def schedule(epoch, rate):
    return rate if epoch < 3 else rate * 0.9


def make(name, options, folder):
    options = dict(options)
    if name == "LearningRateScheduler":
        return keras.callbacks.LearningRateScheduler(schedule)
    if name == "CSVLogger":
        return keras.callbacks.CSVLogger(os.path.join(folder, "log.csv"), **options)
    if name == "ModelCheckpoint":
        path = options.pop("filepath").replace(".h5", ".weights.h5")
        return keras.callbacks.ModelCheckpoint(os.path.join(folder, path), save_weights_only=True, **options)
    return getattr(keras.callbacks, name)(**options)


def record(name, options, values):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        feed = Feed(options.get("monitor", "val_loss"), values)
        x = np.zeros((3, 1), np.float32)
        history = model.fit(
            x, x, batch_size=1, epochs=len(values), verbose=0, callbacks=[feed, make(name, options, folder)]
        )
        files = sorted(file.replace(".weights.h5", ".h5") for file in os.listdir(folder))
        text = open(os.path.join(folder, "log.csv"), newline="").read() if "log.csv" in files else None
    return {
        "callback": name,
        "options": options,
        "values": [None if np.isnan(value) else value for value in values],
        "epochs": len(history.history["loss"]),
        "weight": float(model.get_weights()[0][0, 0]),
        "learning_rate": history.history.get("learning_rate"),
        "files": files,
        "text": text,
    }


if __name__ == "__main__":
    cases = [record(*case) for case in CASES]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "callbacks.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
