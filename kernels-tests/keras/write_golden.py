"""Writes the HDF5 files that gradus's tests read, as Keras 2, Keras 3 and h5py write them, beside this script.

    python write_golden.py

Needs keras 3, tf_keras (Keras 2) and h5py. The element at index i of a tiny model's n-th array is
n + i / 100, so that a test can tell them apart.
"""

import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np
import tf_keras

HERE = pathlib.Path(__file__).resolve().parent


def tiny(keras):
    model = keras.Sequential([
        keras.layers.InputLayer((4, 4, 1)),
        keras.layers.Conv2D(2, 3, name="conv2d"),
        keras.layers.Flatten(name="flatten"),
        keras.layers.BatchNormalization(name="batch_normalization"),
        keras.layers.Dense(3, name="dense"),
    ])
    numbered = [n + np.arange(w.size).reshape(w.shape) / 100 for n, w in enumerate(model.get_weights())]
    model.set_weights(numbered)
    return model


def main():
    tiny(tf_keras).save_weights(HERE / "keras2_weights.h5")
    tiny(keras).save(HERE / "keras3_model.h5")
    tiny(keras).save_weights(HERE / "keras3.weights.h5")
    with h5py.File(HERE / "h5py.h5", "w") as file:
        file["u8"] = np.arange(24, dtype="u1").reshape(2, 3, 4)
        file.create_dataset("gzip", data=np.arange(60, dtype="u1").reshape(5, 4, 3), chunks=(2, 4, 3),
                            compression="gzip", shuffle=True)
        file["i32"], file["i64"] = np.arange(3, dtype="i4"), np.arange(3, dtype="i8")
        file["u16"], file["big_endian"] = np.arange(3, dtype="u2"), np.arange(3, dtype=">i4")
        file["f32"], file["f64"] = np.float32([0.5, -1.5]), np.float64([0.1, -1.5])
        file["f32_big_endian"] = np.array([0.5, -1.5], ">f4")
        file["scalar"], file["empty"] = np.float32(7), np.zeros((0, 3), "f4")
        file["negative"], file["huge"] = np.int64([3, -1]), np.float64([1, 1e300])
        file["half"], file["text"], file["flag"] = np.float16([1]), "hello", np.bool_([True])
        file["group/inner"] = np.float32([1, 2])
        file.attrs["variable"], file.attrs["fixed"] = ["a", "bé"], np.array([b"conv2d", b"flatten"])
        file.attrs["one"], file.attrs["none"], file.attrs["number"] = "2.15.0", np.array([]), 3
    with h5py.File(HERE / "split_names.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.2.4", b"tensorflow"
        file.attrs["layer_names0"], file.attrs["layer_names1"] = np.array([b"a", b"b"]), np.array([b"c"])
        for n, name in enumerate("abc"):
            file.create_group(name).attrs["weight_names"] = np.array([f"{name}/w:0".encode()])
            file[f"{name}/{name}/w:0"] = np.float32([n])


if __name__ == "__main__":
    main()
