"""Keras on TensorFlow. Usage: python keras_tensorflow.py signs_cnn|fashion_mlp"""

import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers

import workloads

workload = sys.argv[1]
x, y = workloads.data(workload)
_, shape, classes = workloads.SIZES[workload]
if workload == "signs_cnn":
    hidden = [layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu"),
              layers.MaxPooling2D(2), layers.Flatten()]
    y, loss = keras.utils.to_categorical(y, classes), "categorical_crossentropy"
else:
    hidden = [layers.Dense(256, activation="relu"), layers.Dense(128, activation="relu")]
    loss = "sparse_categorical_crossentropy"
model = keras.Sequential([keras.Input(shape), *hidden, layers.Dense(classes, activation="softmax")])
model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss, metrics=["accuracy"])
workloads.report("keras-tensorflow", workload, lambda: model.fit(x, y, batch_size=workloads.BATCH, epochs=1, verbose=0))
