"""The training runs that Keras records: models, data and optimizers as plain dictionaries, written into each JSON file."""


def dense(units, activation="linear", **options):
    return {"class_name": "Dense", "config": {"units": units, "activation": activation} | options}


def conv(filters, kernel_size, activation="relu", strides=(1, 1), padding="valid"):
    config = {"filters": filters, "kernel_size": list(kernel_size), "strides": list(strides)}
    return {"class_name": "Conv2D", "config": config | {"padding": padding, "activation": activation}}


def pool(kind, size, strides=None, padding="valid"):
    config = {"pool_size": list(size), "strides": list(strides or size), "padding": padding}
    return {"class_name": f"{kind}Pooling2D", "config": config}


FLATTEN = {"class_name": "Flatten", "config": {}}


def sgd(learning_rate, momentum=0.0, nesterov=False):
    config = {"learning_rate": learning_rate, "momentum": momentum, "nesterov": nesterov}
    return {"class_name": "SGD", "config": config}


def adam(learning_rate):
    return {"class_name": "Adam", "config": {"learning_rate": learning_rate}}


def uniform(stream, amplitude):
    return {"kind": "uniform", "stream": stream, "amplitude": amplitude}


def patterned(stream, amplitude, period, shift):
    return uniform(stream, amplitude) | {"kind": "patterned", "period": period, "shift": shift}


def labels(stream, count, one_hot=False):
    return {"kind": "classes", "stream": stream, "classes": count, "one_hot": one_hot}


def small(name, layers, loss, targets, optimizer, **changes):
    """A tiny run: 10 steps over 26 samples of 5 numbers, batch 8, so that every fourth batch holds only 2."""
    case = {
        "name": name,
        "input_shape": [5],
        "samples": 26,
        "batch_size": 8,
        "steps": 10,
        "layers": layers,
        "loss": loss,
        "optimizer": optimizer,
        "metrics": ["accuracy"] if "crossentropy" in loss else [],
        "inputs": uniform(11, 1.5),
        "targets": targets,
    }
    return case | changes


def classifier(units):
    return [dense(7, "tanh"), dense(units, "softmax")]


def regressor(activation="tanh"):
    return [dense(7, activation), dense(2)]


def image_case(name, layers, **changes):
    """Images higher than wide, three classes, categorical cross-entropy."""
    tail = [FLATTEN, dense(3, "softmax")]
    return small(name, layers + tail, "categorical_crossentropy", labels(21, 3, True), sgd(0.05),
                 input_shape=[9, 6, 2], **changes)


SIGNS = {
    "name": "signs_cnn",
    "input_shape": [64, 64, 3],
    "samples": 1080,
    "batch_size": 32,
    "steps": 34,
    "layers": [conv(32, (3, 3)), conv(32, (3, 3)), pool("Max", (2, 2)), FLATTEN, dense(6, "softmax")],
    "loss": "categorical_crossentropy",
    "optimizer": sgd(0.01),
    "metrics": ["accuracy"],
    "inputs": {"kind": "images", "stream": 1},
    "targets": labels(2, 6, True),
}

FASHION = {
    "name": "fashion_mlp",
    "input_shape": [784],
    "samples": 1600,
    "batch_size": 32,
    "steps": 50,
    "layers": [dense(256, "relu"), dense(128, "relu"), dense(10, "softmax")],
    "loss": "sparse_categorical_crossentropy",
    "optimizer": sgd(0.01),
    "metrics": ["accuracy"],
    "inputs": patterned(3, 1.5, 10, 0.5),
    "targets": labels(4, 10),
}

XOR = {
    "name": "xor",
    "input_shape": [2],
    "samples": 4,
    "batch_size": 4,
    "steps": 200,
    "layers": [dense(2, "tanh"), dense(1, "sigmoid")],
    "loss": "mean_squared_error",
    "optimizer": adam(0.01),
    "metrics": ["accuracy"],
    "inputs": {"kind": "values", "values": [0, 0, 0, 1, 1, 0, 1, 1]},
    "targets": {"kind": "values", "shape": [1], "values": [0, 1, 1, 0]},
}

BINARY = labels(22, 2) | {"shape": [1]}
REGRESSION = uniform(23, 1.0) | {"shape": [2]}

L1L2 = {"class_name": "L1L2", "config": {"l1": 0.02, "l2": 0.03}}
REGULARIZED = [
    dense(7, "tanh", kernel_regularizer=L1L2, bias_regularizer={"class_name": "L2", "config": {"l2": 0.1}}),
    dense(6, "tanh", activity_regularizer={"class_name": "L1", "config": {"l1": 0.05}}),
    dense(4, "softmax", kernel_regularizer={"class_name": "L1", "config": {"l1": 0.01}}),
]


L2 = {"class_name": "L2", "config": {"l2": 0.05}}


def constrained(class_name, **config):
    return {"class_name": class_name, "config": config}


CONSTRAINED = [
    dense(7, "tanh", kernel_constraint=constrained("MaxNorm", max_value=0.5), bias_constraint=constrained("NonNeg")),
    dense(6, "tanh", kernel_constraint=constrained("UnitNorm", axis=1)),
    dense(5, "tanh", kernel_constraint=constrained("MinMaxNorm", min_value=0.3, max_value=0.6, rate=0.7, axis=0)),
    dense(4, "softmax"),
]

SEQUENCE = {"class_name": "Reshape", "config": {"target_shape": [4, 3]}}


def recurrent(class_name, **config):
    config = {"units": 5, "kernel_regularizer": L1L2, "recurrent_regularizer": L2, "bias_regularizer": L2} | config
    return {"module": "keras.layers", "class_name": class_name, "config": config}


RECURRENT = [
    dense(12, "tanh"),
    SEQUENCE,
    recurrent("LSTM", return_sequences=True, activity_regularizer=L2, recurrent_constraint=constrained("MaxNorm", max_value=0.4)),
    recurrent("GRU", return_sequences=True, kernel_constraint=constrained("UnitNorm"), bias_constraint=constrained("NonNeg")),
    {"class_name": "LayerNormalization", "config": {"gamma_regularizer": L2, "beta_constraint": constrained("NonNeg")}},
    {"class_name": "Bidirectional", "config": {"layer": recurrent("SimpleRNN", units=3)}},
    {"class_name": "GroupNormalization", "config": {"groups": 2, "gamma_constraint": constrained("MaxNorm", max_value=0.3)}},
    dense(4, "softmax"),
]

# Of the layer within TimeDistributed Keras does not ask what its outputs add to the loss.
OUTPUTS_REGULARIZED = [
    dense(12, "tanh"),
    {"class_name": "Reshape", "config": {"target_shape": [4, 3], "activity_regularizer": L2}},
    {"class_name": "TimeDistributed", "config": {
        "layer": {"module": "keras.layers"} | dense(4, "tanh", activity_regularizer=L2), "activity_regularizer": L1L2}},
    {"class_name": "Bidirectional", "config": {
        "layer": recurrent("LSTM", units=3, return_sequences=True, activity_regularizer=L1L2), "merge_mode": "sum",
        "activity_regularizer": L2}},
    {"class_name": "Flatten", "config": {"activity_regularizer": L1L2}},
    dense(4),
    {"class_name": "Softmax", "config": {"activity_regularizer": L2}},
]

SMALL = [
    small("outputs_regularized", OUTPUTS_REGULARIZED, "categorical_crossentropy", labels(21, 4, True), sgd(0.1)),
    small("recurrent_regularized", RECURRENT, "categorical_crossentropy", labels(21, 4, True), sgd(0.1)),
    small("regularized", REGULARIZED, "categorical_crossentropy", labels(21, 4, True), sgd(0.1)),
    small("constrained", CONSTRAINED, "categorical_crossentropy", labels(21, 4, True), sgd(0.1)),
    small("sgd_plain", classifier(4), "categorical_crossentropy", labels(21, 4, True), sgd(0.1)),
    small("sgd_momentum", classifier(4), "categorical_crossentropy", labels(21, 4, True), sgd(0.1, 0.9)),
    small("sgd_nesterov", classifier(4), "categorical_crossentropy", labels(21, 4, True), sgd(0.1, 0.9, True)),
    small("adam_default", classifier(4), "sparse_categorical_crossentropy", labels(21, 4), adam(0.001)),
    small("sparse_categorical", classifier(4), "sparse_categorical_crossentropy", labels(21, 4), sgd(0.1)),
    small("binary", [dense(7, "relu"), dense(1, "sigmoid")], "binary_crossentropy", BINARY, sgd(0.1)),
    small("mean_squared", regressor(), "mean_squared_error", REGRESSION, sgd(0.1)),
    small("mean_absolute", regressor(), "mean_absolute_error", REGRESSION, sgd(0.1)),
    small("leaky_relu", regressor("leaky_relu"), "mean_squared_error", REGRESSION, sgd(0.1)),
    small("sigmoid", regressor("sigmoid"), "mean_squared_error", REGRESSION, adam(0.01)),
    small("frozen", [dense(7, "tanh") | {"trainable": False}, dense(4, "softmax")],
          "sparse_categorical_crossentropy", labels(21, 4), adam(0.01)),
    image_case("conv_valid_strides", [conv(4, (3, 2), "relu", (2, 3))]),
    image_case("conv_same", [conv(4, (3, 2), "tanh", (1, 1), "same"), conv(3, (4, 3), "leaky_relu", (1, 1), "same")]),
    image_case("conv_same_strides", [conv(4, (3, 4), "sigmoid", (2, 2), "same"), conv(3, (2, 5), "relu", (3, 1), "same")]),
    image_case("max_pooling", [conv(4, (2, 2)), pool("Max", (3, 2), (2, 2), "same"), pool("Max", (2, 2), (1, 1))]),
    image_case("average_pooling", [conv(4, (2, 2)), pool("Average", (3, 2), (2, 2), "same"), pool("Average", (2, 2), (1, 1))]),
]
