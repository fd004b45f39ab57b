"""How often do the course's networks learn exclusive or? Writes xor_success.json. Usage: python xor_success.py

Every seed's weights come from Keras (`set_random_seed`, glorot_uniform, zero biases); the 1,000 epochs of all seeds then
run at once in numpy, float32, with Keras's Adam. The first seeds also run in Keras itself, to prove the copy.
"""

import functools
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from record import write

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
SEEDS, CHECKED, EPOCHS = 300, 1, 1000
ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
}


def model(units, activation, rate):
    layers = [keras.Input((2,))]
    if units:
        layers.append(keras.layers.Dense(units, activation=activation))
    built = keras.Sequential(layers + [keras.layers.Dense(1, activation="sigmoid")])
    built.compile(optimizer=keras.optimizers.Adam(rate), loss="mean_squared_error")
    return built


@functools.cache
def starting_weights(units):
    """The weights of every seed, stacked: [seeds, ...] for each kernel and bias."""
    runs = []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((2,))] + ([keras.layers.Dense(units)] if units else [])
        runs.append(keras.Sequential(layers + [keras.layers.Dense(1)]).get_weights())
    return [np.stack(weight) for weight in zip(*runs)]


def forward(weights, activations):
    outputs = [np.broadcast_to(X, (len(weights[0]), *X.shape))]
    for kernel, bias, activation in zip(weights[::2], weights[1::2], activations):
        outputs.append(ACTIVATIONS[activation][0](outputs[-1] @ kernel + bias[:, None, :]))
    return outputs


def gradients(weights, activations):
    outputs = forward(weights, activations)
    upward = 2 * (outputs[-1] - Y) / len(X)
    result = []
    for layer in reversed(range(len(activations))):
        upward = upward * ACTIVATIONS[activations[layer]][1](outputs[layer + 1])
        result = [outputs[layer].swapaxes(1, 2) @ upward, upward.sum(1)] + result
        upward = upward @ weights[2 * layer].swapaxes(1, 2)
    return result


def train(weights, activations, rate):
    """Keras's Adam: epsilon outside the root, bias correction folded into the learning rate."""
    weights = [w.copy() for w in weights]
    mean, square = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for step in range(1, EPOCHS + 1):
        scaled = np.float32(rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
        for w, m, v, g in zip(weights, mean, square, gradients(weights, activations)):
            m += (g - m) * np.float32(0.1)
            v += (g * g - v) * np.float32(0.001)
            w -= m * scaled / (np.sqrt(v) + np.float32(1e-7))
    return weights


def from_keras(units, activation, rate, seed):
    """Predictions after fit itself, one full batch an epoch."""
    keras.utils.set_random_seed(seed)
    built = model(units, activation, rate)
    built.fit(X, Y, epochs=EPOCHS, verbose=0, shuffle=False)
    return built.predict(X, verbose=0)


def measure(units, activation, rate):
    activations = ([activation] if units else []) + ["sigmoid"]
    output = forward(train(starting_weights(units), activations, rate), activations)[-1]
    right = (np.round(output) == Y).all(axis=(1, 2))
    differences = [np.abs(from_keras(units, activation, rate, s) - output[s]).max() for s in range(CHECKED)]
    result = {
        "network": f"2-{units}-1" if units else "2-1",
        "hidden": activation if units else None,
        "learning_rate": rate,
        "solved_of_first_20": int(right[:20].sum()),
        "solved_percent": round(100 * float(right.mean()), 2),
        "mean_loss": round(float(((output - Y) ** 2).mean()), 4),
        "greatest_difference_from_fit": float(max(differences)),
    }
    print(result, flush=True)
    return result


def main():
    cases = [(0, None, 0.01), (0, None, 0.1)]
    cases += [(2, hidden, rate) for hidden in ACTIVATIONS for rate in (0.001, 0.01, 0.05, 0.1)]
    cases += [(8, "tanh", 0.01), (8, "tanh", 0.05), (8, "relu", 0.01)]
    write("xor_success", {
        "output": "sigmoid", "loss": "mean_squared_error", "optimizer": "Adam", "epochs": EPOCHS, "batch_size": 4,
        "kernel_initializer": "glorot_uniform", "seeds": SEEDS, "solved": "all four outputs round to the target",
        "runs": [measure(*case) for case in cases],
        "keras": keras.__version__,
    })


if __name__ == "__main__":
    main()
