"""tinygrad. Usage: DEV=WEBGPU python tinygrad_webgpu.py WORKLOAD (or CC=clang-14 DEV=CPU)

Its compiled step has a fixed batch: the last, smaller batch of an epoch takes rows from the start.
"""

import sys

from tinygrad import Context, Device, Tensor, TinyJit, nn

import workloads

workload = sys.argv[1]
peer = f"tinygrad-{Device.DEFAULT.lower()}"


def network(classes):
    """Layers with weights, and what they compute together."""
    if workload == "signs_cnn":
        first, second, output = nn.Conv2d(3, 32, 3), nn.Conv2d(32, 32, 3), nn.Linear(28800, classes)
        layers = [first, second, output]
        return layers, lambda x: output(second(first(x).relu()).relu().max_pool2d((2, 2)).flatten(1))
    if workload == "lstm":
        cell, output = nn.LSTMCell(28, 128), nn.Linear(128, classes)

        def last_state(x):
            state = None
            for step in range(28):
                state = cell(x[:, step], state)
            return output(state[0])

        return [cell, output], last_state
    first, second, output = nn.Linear(784, 256), nn.Linear(256, 128), nn.Linear(128, classes)
    return [first, second, output], lambda x: output(second(first(x).relu()).relu())


def train():
    x, y = workloads.data(workload)
    _, _, classes, batch = workloads.SIZES[workload]
    x = x.transpose(0, 3, 1, 2).copy() if workload == "signs_cnn" else x
    layers, forward = network(classes)
    parameters = [parameter for layer in layers for parameter in nn.state.get_parameters(layer)]
    optimizer = nn.optim.Adam(parameters) if workload == "lstm" else nn.optim.SGD(parameters, lr=0.01)

    @TinyJit
    def step(images, labels):
        optimizer.zero_grad()
        loss = forward(images).sparse_categorical_crossentropy(labels)
        loss.backward()
        return loss.realize(*optimizer.schedule_step())

    def epoch():
        for start in range(0, len(x), batch):
            start = start if start + batch <= len(x) else 0
            rows = slice(start, start + batch)
            loss = step(Tensor(x[rows]).realize(), Tensor(y[rows].astype("int32")).realize())
        return float(loss.item())

    with Context(TRAINING=1):
        workloads.report(peer, workload, epoch)


def multiply():
    a, b = (Tensor(factor).realize() for factor in workloads.factors(workload))
    product = TinyJit(lambda a, b: a.matmul(b).contiguous().realize())
    workloads.report_product(peer, workload, lambda: float(product(a, b)[0, 0].item()))


multiply() if workload.startswith("matmul_") else train()
