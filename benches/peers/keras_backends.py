"""Keras. Usage: python keras_backends.py tensorflow|jax WORKLOAD"""

import os
import sys

backend, workload = sys.argv[1:]
os.environ["KERAS_BACKEND"] = backend
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers

import workloads

PEER = f"keras-{backend}"


def network():
    """The network, and its optimizer and loss."""
    _, shape, classes, _ = workloads.SIZES[workload]
    loss, output = "sparse_categorical_crossentropy", layers.Dense(classes, activation="softmax")
    optimizer = keras.optimizers.SGD(0.01)
    if workload == "signs_cnn":
        hidden = [layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu"),
                  layers.MaxPooling2D(2), layers.Flatten()]
    elif workload == "lstm":
        hidden, optimizer = [layers.LSTM(128)], keras.optimizers.Adam()
    elif workload == "xor":
        hidden, output = [layers.Dense(8, activation="tanh")], layers.Dense(1, activation="sigmoid")
        loss = "binary_crossentropy"
    else:
        hidden = [layers.Dense(256, activation="relu"), layers.Dense(128, activation="relu")]
    return keras.Sequential([keras.Input(shape), *hidden, output]), optimizer, loss


def train():
    x, y = workloads.data(workload)
    model, optimizer, loss = network()
    model.compile(optimizer=optimizer, loss=loss)
    batch = workloads.SIZES[workload][3]
    workloads.report(PEER, workload, lambda: model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0))


def multiply():
    a, b = (keras.ops.convert_to_tensor(factor) for factor in workloads.factors(workload))
    workloads.report_product(PEER, workload, lambda: float(keras.ops.matmul(a, b)[0, 0]))


multiply() if workload.startswith("matmul_") else train()
