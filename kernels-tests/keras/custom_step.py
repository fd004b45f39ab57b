"""A generator and a critic in Keras, each with an optimizer of its own, both moved at once: custom_step.json. The same
stands in ../custom_step.rs.

    KERAS_BACKEND=tensorflow python custom_step.py
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras.layers import Dense

from formulas import uniform

SAMPLES, BATCH, EPOCHS = 13, 5, 4


def run():
    generator = keras.Sequential([keras.Input((3,)), Dense(4, activation="tanh"), Dense(2)])
    critic = keras.Sequential(
        [keras.Input((2,)), Dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01)), Dense(1, activation="sigmoid")]
    )
    weights = [*generator.weights, *critic.weights]
    for i, weight in enumerate(weights):
        weight.assign(uniform(100 + i, weight.shape, 0.5))
    optimizers = [keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.1, momentum=0.9)]
    noise, real = uniform(10, (SAMPLES, 3), 1.0), uniform(11, (SAMPLES, 2), 1.0)
    cost = keras.losses.BinaryCrossentropy()
    history = {"generator_loss": [], "critic_loss": [], "verdict": []}
    for _ in range(EPOCHS):
        sums = {name: 0.0 for name in history}
        for start in range(0, SAMPLES, BATCH):
            z, x = noise[start : start + BATCH], real[start : start + BATCH]
            with tf.GradientTape(persistent=True) as tape:
                made, known = critic(generator(z)), critic(x)
                penalty = critic.losses[0]
                fooled = cost(tf.ones_like(made), made) + penalty
                caught = cost(tf.zeros_like(made), made) + cost(tf.ones_like(known), known) + penalty
            gradients = tape.gradient(fooled, generator.trainable_weights)
            others = tape.gradient(caught, critic.trainable_weights)
            optimizers[0].apply_gradients(zip(gradients, generator.trainable_weights))
            optimizers[1].apply_gradients(zip(others, critic.trainable_weights))
            found = {"generator_loss": fooled, "critic_loss": caught, "verdict": tf.reduce_mean(made)}
            for name, value in found.items():
                sums[name] += float(value) * len(z) / SAMPLES
        for name, value in sums.items():
            history[name].append(value)
    return {"history": history, "final": [w.numpy().flatten().astype(float).tolist() for w in weights]}


if __name__ == "__main__":
    pathlib.Path(__file__).with_name("custom_step.json").write_text(json.dumps(run()) + "\n")
