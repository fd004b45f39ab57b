"""Reads the named arrays that gradus wrote, and writes others for gradus to read: `python named_arrays.py FOLDER`.

In FOLDER lie weights.safetensors and weights.npz, with the same arrays. Their negatives go to negative.safetensors and
negative.npz. Needs numpy and safetensors. Exits with an error where anything differs.
"""

import sys

import numpy as np
from safetensors.numpy import load_file, save_file


def main():
    folder = sys.argv[1]
    arrays = load_file(f"{folder}/weights.safetensors")
    zipped = np.load(f"{folder}/weights.npz")
    assert sorted(arrays) == sorted(zipped.files), (sorted(arrays), sorted(zipped.files))
    for name, array in arrays.items():
        assert array.dtype == zipped[name].dtype == np.float32, name
        assert np.array_equal(array, zipped[name]), name
    negative = {name: -array for name, array in arrays.items()}
    save_file(negative, f"{folder}/negative.safetensors")
    np.savez(f"{folder}/negative.npz", **negative)
    print(" ".join(sorted(arrays)))


main()
