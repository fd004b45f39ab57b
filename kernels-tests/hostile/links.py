"""Writes links.h5, a Keras weights file of links that lead in circles, nowhere and elsewhere. Written with h5py 3.14."""

import os

import h5py
import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))

with h5py.File(os.path.join(FOLDER, "links.h5"), "w") as file:
    group = file.create_group("dense")
    group["kernel"] = np.ones((2, 1), "float32")
    group["root"] = file["/"]
    group["loop"] = h5py.SoftLink("/dense/loop")
    group["one"] = h5py.SoftLink("/dense/other")
    group["other"] = h5py.SoftLink("/dense/one")
    group["outside"] = h5py.ExternalLink("outside.h5", "/kernel")
    file.attrs["layer_names"] = ["dense"]
    file.attrs["keras_version"] = "2.15.0"
    file["layers"] = group
