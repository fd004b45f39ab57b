"""The workloads, alike for every peer: random data, the same sizes. See README.md."""

import os
import time

import numpy as np

EPOCHS = 3
PRODUCTS = 20
# Samples, shape of one, classes, batch.
SIZES = {
    "signs_cnn": (1080, (64, 64, 3), 6, 32),
    "fashion_mlp": (8000, (784,), 10, 32),
    "fashion_mlp_256": (8000, (784,), 10, 256),
    "lstm": (3200, (28, 28), 10, 32),
    "xor": (4000, (2,), 2, 4),
}


def data(workload):
    samples, shape, classes, batch = SIZES[workload]
    samples = min(samples, steps(workload) * batch)
    random = np.random.default_rng(1)
    if workload == "xor":
        x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), (samples // 4, 1))
        return x, (x[:, 0] != x[:, 1]).astype(np.int64)
    return random.random((samples, *shape), dtype=np.float32), random.integers(0, classes, samples)


def steps(workload):
    """Steps of an epoch; the environment's STEPS makes it shorter, for devices that take minutes."""
    samples, _, _, batch = SIZES[workload]
    return min(-(-samples // batch), int(os.environ.get("STEPS", samples)))


def factors(workload):
    """The two square matrices of `matmul_N`."""
    size = int(workload.removeprefix("matmul_"))
    random = np.random.default_rng(1)
    return [random.random((size, size), dtype=np.float32) for _ in range(2)]


def median(run, times):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2]


def peak_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def report(peer, workload, epoch):
    """Runs `epoch` once to warm up, then EPOCHS times, and prints steps per second of the median one."""
    epoch()
    rate = steps(workload) / median(epoch, EPOCHS)
    print(f"{peer} {workload} steps_per_s={rate:.2f} peak_rss_mb={peak_mb():.0f}", flush=True)


def report_product(peer, workload, product):
    """Prints the rate of `product`, which computes and finishes one product of `factors`."""
    product()
    size = int(workload.removeprefix("matmul_"))
    print(f"{peer} {workload} gflops={2e-9 * size**3 / median(product, PRODUCTS):.2f} peak_rss_mb={peak_mb():.0f}")
