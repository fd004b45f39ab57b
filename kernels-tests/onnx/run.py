"""Runs ONNX files that gradus wrote: `python run.py FOLDER`.

For each NAME.onnx in the folder it checks the file by ONNX's own rules and gives the inputs x0, x1, … of NAME.npz to
onnxruntime; the outputs go to NAME.out.npz as y0, y1, … Needs numpy, onnx and onnxruntime.
"""

import glob
import sys

import numpy as np
import onnx
import onnxruntime


def main():
    for path in sorted(glob.glob(sys.argv[1] + "/*.onnx")):
        try:
            onnx.checker.check_model(onnx.load(path), full_check=True)
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            arrays = np.load(path[: -len("onnx")] + "npz")
            inputs = {port.name: arrays[f"x{i}"].astype("float32") for i, port in enumerate(session.get_inputs())}
            outputs = session.run(None, inputs)
        except Exception as error:
            sys.exit(f"{path}: {error}")
        np.savez(path[: -len("onnx")] + "out.npz", **{f"y{i}": y for i, y in enumerate(outputs)})


main()
