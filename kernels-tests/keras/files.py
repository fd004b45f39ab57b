"""Models that Keras writes and gradus reads, and the other way round.

`python files.py write [MODEL…]` trains small models for two steps and writes each, or those named, as `.keras` and `.h5`, and the weights of one as
`.weights.h5`, into the folder `files`, with samples, predictions and the losses of three more full-batch steps in `files/golden.json`.
`python files.py tf [MODEL…]` does the same with tf_keras, `.h5` alone, into `files/golden_tf.json`.
`python files.py open FILE…` prints, as JSON, what Keras predicts with files that gradus wrote, and the losses of three
more steps where the file is a `.keras`; `python files.py tf-open FILE…` what tf_keras does, which trains on from `.h5`
too. Samples are those of the golden files, or of a `.json` beside the file.

Written with Keras 3.15.1 (JAX) and tf_keras 2.21.0.
"""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
ROWS = 4


def library():
    if sys.argv[1].startswith("tf"):
        import tf_keras as keras
    else:
        import keras
    return keras


def convolutions(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((7, 6, 2)),
        layers.Conv2D(4, 3, strides=2, padding="same", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.DepthwiseConv2D(2, depth_multiplier=2, padding="same"),
        layers.SeparableConv2D(3, 2, activation="tanh"),
        layers.AveragePooling2D((2, 1), padding="same"),
        layers.SpatialDropout2D(0.0),
        layers.Flatten(),
        layers.Dropout(0.0),
        layers.Dense(3, activation="softmax", name="scores"),
    ])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model, [(7, 6, 2)], [("one_hot", 3)]


def recurrent(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((5, 3)),
        layers.Masking(),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode="sum"),
        layers.TimeDistributed(layers.Dense(4, activation="relu")),
        layers.GRU(3, return_sequences=True),
        layers.LayerNormalization(),
        layers.SimpleRNN(2),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
    return model, [(5, 3)], [("values", 1)]


def series(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((8, 2)),
        layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="elu"),
        layers.MaxPooling1D(2),
        layers.Conv1DTranspose(3, 2, strides=2),
        layers.GlobalAveragePooling1D(),
        layers.PReLU(),
        layers.RepeatVector(2),
        layers.Permute((2, 1)),
        layers.Reshape((6,)),
        layers.Dense(1, activation="sigmoid"),
    ])
    # tf_keras does not save the product that its Nadam keeps: a model that was loaded trains on otherwise.
    old = "tf" in keras.__name__
    model.compile(keras.optimizers.Ftrl(0.05) if old else keras.optimizers.Nadam(0.01), "binary_crossentropy")
    return model, [(8, 2)], [("bits", 1)]


def images(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((4, 5, 2)),
        layers.ZeroPadding2D((1, 2)),
        layers.Cropping2D(((1, 0), (1, 1))),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same", bias_constraint="non_neg"),
        layers.GroupNormalization(2),
        layers.LeakyReLU(),
        layers.GlobalMaxPooling2D(),
        # Small scores: where a probability falls below 1e-7, Keras caps the loss and gradus does not.
        layers.Dense(2, kernel_initializer=keras.initializers.RandomUniform(-0.05, 0.05)),
        layers.Softmax(),
    ])
    model.compile(keras.optimizers.Adagrad(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [(4, 5, 2)], [("labels", 2)]


def volumes(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((3, 4, 3, 1)),
        layers.Conv3D(2, 2, activation="swish"),
        layers.AveragePooling3D((1, 3, 1)),
        layers.Flatten(),
        layers.Dense(3, activation="gelu"),
        layers.ELU(),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.02, clipnorm=0.5), "huber")
    return model, [(3, 4, 3, 1)], [("values", 1)]


def words(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((6,)),
        layers.Embedding(7, 3, mask_zero=True),
        layers.LSTM(4),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "mae")
    return model, [("words", 6)], [("values", 1)]


def graph(keras):
    layers = keras.layers
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(4, activation="tanh", name="shared")
    a, b = shared(left), shared(right)
    both = layers.Concatenate()([layers.Add()([a, right]), layers.Multiply()([b, left])])
    first = layers.Dense(2, name="first")(both)
    second = layers.Dense(1, name="second")(layers.Subtract()([a, b]))
    model = keras.Model([left, right], [first, second])
    model.compile(keras.optimizers.Adamax(0.01), loss=["mse", "mae"], loss_weights=[1.0, 0.5])
    return model, [(4,), (4,)], [("values", 2), ("values", 1)]


def states(keras):
    layers = keras.layers
    question, answer = keras.Input((4, 3), name="question"), keras.Input((3, 2), name="answer")
    _, h, c = layers.LSTM(3, return_state=True, name="encoder")(question)
    decoded = layers.LSTM(3, return_sequences=True, name="decoder")(answer, initial_state=[h, c])
    both = layers.Bidirectional(layers.GRU(2, return_state=True), merge_mode=None, name="both")
    forward, backward, last, _ = both(decoded, initial_state=[layers.Dense(2)(h), layers.Dense(2)(c)])
    scores = layers.Dot(axes=(1, 1), name="scores")([forward, last])
    model = keras.Model([question, answer], [layers.Dense(1, name="value")(backward), scores])
    model.compile(keras.optimizers.Adam(0.01), loss=["mse", "mae"])
    return model, [(4, 3), (3, 2)], [("values", 1), ("values", 1)]


def gates(keras):
    """Keras 2's hard_sigmoid, which is another function than Keras 3's."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((5, 3)),
        layers.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True),
        layers.Bidirectional(layers.GRU(2, recurrent_activation="hard_sigmoid")),
        layers.Dense(4, activation="hard_sigmoid"),
        layers.Activation("hard_sigmoid"),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, [(5, 3)], [("values", 1)]


def transfer(keras):
    """New layers on a model that is frozen, as in transfer learning."""
    layers = keras.layers
    image = keras.Input((5, 4, 2))
    x = layers.BatchNormalization()(layers.Conv2D(3, 2, activation="relu")(image))
    base = keras.Model(image, layers.GlobalAveragePooling2D()(x), name="base")
    model = keras.Sequential([layers.Input((5, 4, 2)), base, layers.Dropout(0.0), layers.Dense(3), layers.Dense(1)])
    # What the base has learned.
    model.compile("sgd", "mse")
    model.fit(np.linspace(-1, 1, 160).reshape(4, 5, 4, 2), np.ones((4, 1)), epochs=3, verbose=0)
    base.trainable = False
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, [(5, 4, 2)], [("values", 1)]


def nested(keras):
    """Models in models in a model, one of several outputs, one called twice, with weights that do not learn in between."""
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(3, activation="tanh")],
        name="inner")
    x = keras.Input((4,), name="x")
    hidden = inner(x)
    base = keras.Model(x, [hidden, layers.Dense(3, name="second")(hidden)], name="base")
    tower = keras.Sequential([layers.Input((3,)), layers.Dense(3, activation="sigmoid"), layers.Dense(2)], name="tower")
    sample = keras.Input((4,), name="sample")
    first, second = base(sample)
    joined = layers.Concatenate(name="joined")([tower(first), tower(second)])
    y = keras.Input((4,), name="y")
    head = keras.Model(y, layers.Dense(1, kernel_regularizer="l2", name="score")(y), name="head")
    model = keras.Model(sample, head(joined))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    return model, [(4,)], [("values", 1)]


def twins(keras):
    """A functional model called twice, and a layer in it that does not learn."""
    layers = keras.layers
    x = keras.Input((4,), name="x")
    hidden = layers.Dense(3, activation="tanh", trainable=False, name="fixed")(x)
    twin = keras.Model(x, layers.Dense(2, name="free")(layers.BatchNormalization(name="norm")(hidden)), name="twin")
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    model = keras.Model([left, right], layers.Dense(1)(layers.Subtract()([twin(left), twin(right)])))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, [(4,), (4,)], [("values", 1)]


def phrases(keras):
    """Steps that do not count, known from within a model."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((6,)),
        keras.Sequential([layers.Input((6,)), layers.Embedding(7, 3, mask_zero=True)], name="words"),
        layers.LSTM(4),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.Adagrad(0.05), "mae")
    return model, [("words", 6)], [("values", 1)]


def orthogonal(keras):
    """Muon, which keeps fewer slots of matrices than of vectors; also as sharded weights."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((4,)),
        layers.Dense(6, activation="tanh"),
        layers.Dense(5, activation="tanh"),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.Muon(0.01), "mse")
    return model, [(4,)], [("values", 1)]


def steps(keras):
    """Models called at every time step, one of them within another, one that does not learn."""
    layers = keras.layers
    old = "tf" in keras.__name__
    x = keras.Input((4,), name="x")
    inner = keras.Model(x, layers.Add(name="sum")([layers.Dense(4, activation="tanh", name="hidden")(x), x]), name="inner")
    # tf_keras takes all time steps for one batch.
    own = [] if old else [layers.BatchNormalization(momentum=0.5, name="norm")]
    options = {} if old else {"activity_regularizer": "l2"}
    step = keras.Sequential([
        layers.Input((4,)), inner, layers.Dense(3, name="narrow", **options), *own, layers.Dense(2, name="two")], name="step")
    fixed = keras.Sequential([layers.Input((2,)), layers.Dense(2, name="kept"), layers.Softmax()], name="fixed")
    fixed.trainable = False
    model = keras.Sequential([
        layers.Input((5, 4)),
        layers.TimeDistributed(step, name="each"),
        layers.TimeDistributed(fixed, name="again"),
        layers.GRU(2),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, [(5, 4)], [("values", 1)]


def earlier(keras):
    """An optimizer of TensorFlow before 2.11: its slots stand in another order."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((4,)),
        layers.Dense(5, activation="tanh"),
        layers.Dense(1),
    ])
    model.compile(keras.optimizers.legacy.Adam(0.01, clipnorm=1.0), "mse")
    return model, [(4,)], [("values", 1)]


OLD_MODELS = [gates, earlier]
NEW_MODELS = [orthogonal]
MODELS = [
    convolutions, recurrent, series, images, volumes, words, graph, states, transfer, nested, twins, phrases, steps]


def samples(rng, shape):
    if shape[0] == "words":
        return rng.integers(0, 7, (ROWS, shape[1])).astype("float32")
    return rng.uniform(-1, 1, (ROWS, *shape)).astype("float32")


def targets(rng, kind, size):
    if kind == "one_hot":
        return np.eye(size, dtype="float32")[rng.integers(0, size, ROWS)]
    if kind == "labels":
        return rng.integers(0, size, (ROWS, 1)).astype("float32")
    if kind == "bits":
        return rng.integers(0, 2, (ROWS, size)).astype("float32")
    return rng.uniform(-1, 1, (ROWS, size)).astype("float32")


def one_or_list(arrays):
    return arrays[0] if len(arrays) == 1 else arrays


def array(x):
    return {"shape": list(x.shape), "values": np.asarray(x, "float32").ravel().tolist()}


def outputs(model, x):
    found = model.predict(one_or_list(x), verbose=0)
    return [array(y) for y in (found if isinstance(found, (list, tuple)) else [found])]


def losses(model, x, y, epochs):
    history = model.fit(
        one_or_list(x), one_or_list(y), epochs=epochs, batch_size=ROWS, shuffle=False, verbose=0)
    return history.history["loss"]


def write(keras, old):
    file = os.path.join(FOLDER, "golden_tf.json" if old else "golden.json")
    wanted, golden = sys.argv[2:], {}
    if wanted:
        with open(file) as known:
            golden = json.load(known)
    for number, build in enumerate(MODELS + (OLD_MODELS if old else NEW_MODELS)):
        if wanted and build.__name__ not in wanted:
            continue
        keras.utils.set_random_seed(number)
        rng = np.random.default_rng(number)
        model, shapes, kinds = build(keras)
        x = [samples(rng, shape) for shape in shapes]
        y = [targets(rng, kind, size) for kind, size in kinds]
        losses(model, x, y, 2)
        name = build.__name__ + ("_tf" if old else "")
        path = os.path.join(FOLDER, name)
        if not old:
            # First: saving as .h5 takes the optimizer out of the compile settings that .keras would hold.
            model.save(path + ".keras")
        model.save(path + ".h5")
        if build in (recurrent, nested, steps) and not old:
            model.save_weights(path + ".weights.h5")
        if build in (nested, twins) and old:
            model.save_weights(path + ".weights.h5")
            model.save_weights(path + "_weights.h5", save_format="h5")
        if build is orthogonal:
            model.save_weights(path + ".weights.json", max_shard_size=150 / 1024**3)
        predictions = outputs(model, x)
        golden[name] = {
            "x": [array(a) for a in x], "y": [array(a) for a in y],
            "predictions": predictions, "losses": losses(model, x, y, 3),
        }
        if build is steps and not old:
            golden[name]["later"] = outputs(model, x)
    with open(file, "w") as known:
        json.dump(golden, known)
        known.write("\n")


def open_files(keras, paths):
    golden = {}
    for name in ("golden.json", "golden_tf.json"):
        with open(os.path.join(FOLDER, name)) as file:
            golden.update(json.load(file))
    found = {}
    for path in paths:
        beside = os.path.splitext(path)[0] + ".json"
        if os.path.exists(beside):
            with open(beside) as file:
                case = json.load(file)
        else:
            case = golden[os.path.basename(path).split(".")[0]]
        restored = lambda arrays: [np.array(a["values"], "float32").reshape(a["shape"]) for a in arrays]
        x, y = restored(case["x"]), restored(case["y"])
        try:
            trains = path.endswith(".keras") or "tf" in keras.__name__
            try:
                model = keras.models.load_model(path)
            except (TypeError, ValueError):
                # Its optimizer may be one of Keras 3 alone.
                model, trains = keras.models.load_model(path, compile=False), False
            predictions = outputs(model, x)
            opened = {"predictions": predictions, "losses": losses(model, x, y, 3) if trains else None}
        except Exception as error:
            opened = {"error": str(error)}
        found[os.path.basename(path)] = opened
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1].endswith("open"):
        open_files(library(), sys.argv[2:])
    else:
        write(library(), sys.argv[1] == "tf")
