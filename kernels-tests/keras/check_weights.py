"""Has Keras 3 load a weights file that gradus wrote, and save the network again for gradus to read.

    python check_weights.py WRITTEN_BY_GRADUS WRITE_TO

WRITTEN_BY_GRADUS holds the course's network, whose n-th array has n - (i mod 97) / 64 at index i. Needs keras 3,
tensorflow and h5py. Exits with an error where anything differs.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np


def network():
    return keras.Sequential([
        keras.layers.Input((64, 64, 3)),
        keras.layers.Conv2D(32, 3, activation="relu", name="conv2d"),
        keras.layers.Conv2D(32, 3, activation="relu", name="conv2d_1"),
        keras.layers.MaxPooling2D(2, name="max_pooling2d"),
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(6, activation="softmax", name="dense"),
    ])


def main():
    written, write_to = sys.argv[1:]
    with h5py.File(written) as file:
        names = ["conv2d", "conv2d_1", "max_pooling2d", "flatten", "dense"]
        assert list(file.attrs["layer_names"]) == names, list(file.attrs["layer_names"])
        assert file.attrs["backend"] == "tensorflow"
        assert list(file["conv2d"].attrs["weight_names"]) == ["conv2d/kernel:0", "conv2d/bias:0"]
        assert file["flatten"].attrs["weight_names"].shape == (0,)
        assert file["conv2d/conv2d/kernel:0"].shape == (3, 3, 3, 32)
    model = network()
    model.load_weights(written)
    for n, array in enumerate(model.get_weights()):
        expected = (n - np.arange(array.size) % 97 / 64).reshape(array.shape)
        assert np.array_equal(array, expected), f"array {n} differs"
    model.save(write_to)
    print(f"Keras {keras.__version__} loaded all {model.count_params()} weights")


if __name__ == "__main__":
    main()
