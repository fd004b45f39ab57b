"""Numbers that Python and Rust compute alike, bit for bit: see README.md. The Rust twin is ../golden.rs."""

import numpy as np


def _mix(x):
    """A bijection of 32-bit words that scatters neighbouring inputs (two rounds of multiply and xor-shift)."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def words(stream, count):
    """`count` 32-bit words of one stream."""
    start = _mix(np.array([stream], np.uint32) + np.uint32(0x9E3779B9))
    return _mix(start + np.arange(count, dtype=np.uint32))


def uniform(stream, shape, amplitude):
    """float32 in [-amplitude, amplitude): 24 bits, exact but for the rounding of one product."""
    top = (words(stream, int(np.prod(shape))) >> np.uint32(8)).astype(np.float32)
    unit = top * np.float32(2.0**-23) - np.float32(1.0)
    return (unit * np.float32(amplitude)).reshape(shape)


def classes(stream, samples, count):
    """One class index a sample."""
    return (words(stream, samples) % np.uint32(count)).astype(np.int32)


def patterned(stream, shape, amplitude, period, shift, labels):
    """`uniform`, plus `shift` in every feature whose index is the sample's label modulo `period`."""
    features = np.arange(int(np.prod(shape[1:])), dtype=np.int64) % period
    hit = (features[None, :] == labels[:, None]).astype(np.float32)
    noise = uniform(stream, (shape[0], features.size), amplitude)
    return (noise + hit * np.float32(shift)).reshape(shape)


def images(stream, shape, labels):
    """uint8 images [samples, height, width, channels]: noise of 4 bits, and blocks of 16x16 pixels that are 32
    brighter where (x / 16 + 4 * (y / 16)) % 6 is the sample's label."""
    samples, height, width, _ = shape
    noise = (words(stream, int(np.prod(shape))) >> np.uint32(28)).reshape(shape)
    block = (np.arange(width)[None, :] // 16 + 4 * (np.arange(height)[:, None] // 16)) % 6
    bright = (block[None] == labels[:, None, None]).astype(np.uint32) * np.uint32(32)
    return (noise + bright[..., None]).astype(np.uint8)
