"""Writes the JPEG files of the tests, and what Pillow finds in them: `pip install pillow numpy`, then run it in its folder."""

import numpy
from PIL import Image

rows, columns = numpy.mgrid[:24, :32]
colour = numpy.stack([40 + 5 * columns, 60 + 6 * rows, 220 - 3 * columns - 3 * rows], axis=-1).astype(numpy.uint8)
# Colours at full size: how the halves of others are spread differs from decoder to decoder.
Image.fromarray(colour).save("colour.jpg", quality=90, subsampling=0)
Image.fromarray(numpy.full((8, 8), 128, numpy.uint8)).save("grey.jpg")
with open("colour.rgb", "wb") as file:
    file.write(Image.open("colour.jpg").convert("RGB").tobytes())
