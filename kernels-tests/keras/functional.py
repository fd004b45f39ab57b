"""What Keras's functional models do: functional.json. The models stand in ../functional.rs in the same words."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import Input, Model
from keras.layers import (
    Add,
    GRU,
    LSTM,
    Average,
    Bidirectional,
    Concatenate,
    Dense,
    Dot,
    Flatten,
    Maximum,
    Minimum,
    Multiply,
    Permute,
    Reshape,
    Subtract,
)

from formulas import classes, uniform

# Whole batches: over a smaller last one Keras's NAME_loss, unlike its loss, weighs batches alike.
SAMPLES = 12


def two_outputs():
    """Two inputs, a shared layer, a residual connection, two losses with weights and a penalty."""
    a, b = Input((4,), name="a"), Input((3,), name="b")
    shared = Dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))
    left, right = shared(a), shared(Dense(4)(b))
    residual = Add()([left, Dense(5, activation="relu")(left)])
    joined = Concatenate()([residual, right])
    scores = Dense(3, activation="softmax", name="scores")(joined)
    value = Dense(1, name="value")(right)
    model = Model([a, b], [scores, value])
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=["sparse_categorical_crossentropy", "mean_squared_error"],
        loss_weights=[1.0, 0.3],
        metrics=[["accuracy"], []],
    )
    return model


def merges():
    """Every layer that merges."""
    x = Input((4,), name="x")
    a, b = Dense(3)(x), Dense(3)(x)
    parts = [layer([a, b]) for layer in (Subtract(), Multiply(), Average(), Maximum(), Minimum())]
    parts += [Dot(axes=1)([a, b]), Dot(axes=1, normalize=True)([a, b]), Add()([a, Dense(1)(b)])]
    model = Model(x, Dense(2, name="last")(Concatenate()(parts)))
    model.compile(keras.optimizers.SGD(0.1), loss="mean_squared_error")
    return model


def one_loss_of_two():
    """An output without a loss; a layer that is called at two depths; a branch that ends early."""
    x = Input((4,), name="x")
    early = Dense(2, name="early")(x)
    twice = Dense(4, activation="tanh")
    late = Dense(1, name="late")(twice(Dense(4)(twice(x))))
    model = Model(x, [early, late])
    model.compile(keras.optimizers.SGD(0.1), loss=[None, "mean_squared_error"])
    return model


def products():
    """Dot over matrices, vectors and more, along any axis."""
    x, y = Input((4, 3), name="x"), Input((5, 3), name="y")
    vector, cube = Dense(3)(Flatten()(x)), Reshape((5, 3, 1))(y)
    pairs = [
        (x, y, {"axes": 2}),
        (x, Permute((2, 1))(y), {"axes": (2, 1), "normalize": True}),
        (vector, y, {"axes": (1, 2)}),
        (x, vector, {"axes": -1, "normalize": True}),
        (x, cube, {"axes": (2, -2)}),
        (cube, x, {"axes": (2, 2)}),
    ]
    parts = [Flatten()(Dot(**options)([a, b])) for a, b, options in pairs]
    model = Model([x, y], Dense(2, name="last")(Concatenate()(parts)))
    model.compile(keras.optimizers.SGD(0.01), loss="mean_squared_error")
    return model


def states():
    """An encoder whose last states a decoder starts from, and directions that stay apart."""
    x, y = Input((4, 3), name="x"), Input((5, 2), name="y")
    _, h, c = LSTM(4, return_state=True, name="encoder")(x)
    decoded, last, _ = LSTM(4, return_sequences=True, return_state=True, name="decoder")(y, initial_state=[h, c])
    forward, backward = Bidirectional(GRU(3), merge_mode=None, name="both")(decoded)
    joined = Concatenate()([forward, backward, last])
    model = Model([x, y], [Dense(1, name="value")(joined), Dense(2, name="last")(backward)])
    model.compile(keras.optimizers.SGD(0.1), loss=["mean_squared_error", "mean_squared_error"])
    return model


def arrays(model):
    """Inputs, and targets for the outputs with a loss."""
    x = [uniform(10 + i, (SAMPLES, *t.shape[1:]), 1.0) for i, t in enumerate(model.inputs)]
    names = {"scores": lambda: classes(20, SAMPLES, 3), "value": lambda: uniform(21, (SAMPLES, 1), 1.0)}
    names |= {"last": lambda: uniform(22, (SAMPLES, 2), 1.0), "late": lambda: uniform(23, (SAMPLES, 1), 1.0)}
    return x, [names[name]() if name in names else None for name in model.output_names]


def record(make):
    keras.backend.clear_session()
    model = make()
    model.set_weights([uniform(100 + i, w.shape, 0.5) for i, w in enumerate(model.weights)])
    x, y = arrays(model)
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    predicted = model.predict(x, batch_size=4, verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    return {
        "model": make.__name__,
        "weights": [list(w.shape) for w in model.weights],
        "history": history,
        "final": [w.flatten().tolist() for w in model.get_weights()],
        "evaluate": model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True),
        "predict": [p.flatten().tolist() for p in predicted],
    }


def rounded(value):
    """Nine digits hold a float32."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    runs = [rounded(record(make)) for make in (two_outputs, merges, one_loss_of_two, products, states)]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "functional.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")
