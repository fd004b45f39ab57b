"""Measures how hard the drawn signs are: test accuracy of a linear classifier and of the course's network.

    python measure_signs.py [--folder assets/signs] [--epochs 100] [--seed 0] [--linear-only]

Needs keras 3, tensorflow and h5py.
"""

import argparse
import pathlib

import h5py
import keras
import numpy as np


def load(folder, part):
    with h5py.File(folder / f"{part}_signs.h5") as file:
        x, y = file[f"{part}_set_x"][:], file[f"{part}_set_y"][:]
    return x.astype("float32") / 255, keras.utils.to_categorical(y, 6)


def linear():
    return keras.Sequential([
        keras.layers.Input((64, 64, 3)),
        keras.layers.Flatten(),
        keras.layers.Dense(6, activation="softmax"),
    ])


def network():
    return keras.Sequential([
        keras.layers.Input((64, 64, 3)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(6, activation="softmax"),
    ])


def train(model, name, optimizer, epochs, data):
    (train_x, train_y), test = data
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train_x, train_y, batch_size=32, epochs=epochs, validation_data=test, verbose=0).history
    tests = np.array(history["val_accuracy"])
    every = max(epochs // 10, 1)
    print(f"{name}: loss {history['loss'][-1]:.4f}, train {history['accuracy'][-1]:.3f}, test {tests[-1]:.3f}"
          f" (best {tests.max():.3f}; every {every} epochs: {tests[every - 1::every].round(3).tolist()})", flush=True)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, default=root / "assets/signs")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["linear", "network"])
    options = parser.parse_args()
    data = load(options.folder, "train"), load(options.folder, "test")
    keras.utils.set_random_seed(options.seed)
    if options.only != "network":
        train(linear(), "linear, Adam 0.0003", keras.optimizers.Adam(3e-4), options.epochs, data)
    if options.only != "linear":
        train(network(), "network, SGD 0.01", keras.optimizers.SGD(0.01), options.epochs, data)


if __name__ == "__main__":
    main()
