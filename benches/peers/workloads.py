"""The workloads, alike for every peer: random data, batch 32, SGD 0.01. See README.md."""

import time

import numpy as np

BATCH = 32
EPOCHS = 3
# Samples, shape of one, classes.
SIZES = {"signs_cnn": (1080, (64, 64, 3), 6), "fashion_mlp": (8000, (784,), 10)}


def data(workload):
    samples, shape, classes = SIZES[workload]
    random = np.random.default_rng(1)
    return random.random((samples, *shape), dtype=np.float32), random.integers(0, classes, samples)


def report(peer, workload, epoch):
    """Runs `epoch` once to warm up, then EPOCHS times, and prints steps per second of the median one."""
    epoch()
    times = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - start)
    steps = -(-SIZES[workload][0] // BATCH)
    print(f"{peer} {workload} steps_per_s={steps / sorted(times)[EPOCHS // 2]:.2f}", flush=True)
