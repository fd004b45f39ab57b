"""Prints what TensorBoard's own reader finds in a folder of event files, as JSON.

python event_files.py FOLDER
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef


def read(folder):
    events = EventAccumulator(folder, size_guidance={"scalars": 0, "histograms": 0, "images": 0}).Reload()
    tags = events.Tags()
    found = {"scalars": {}, "histograms": {}, "images": {}, "nodes": []}
    for tag in tags["scalars"]:
        found["scalars"][tag] = [[event.step, event.value] for event in events.Scalars(tag)]
    for tag in tags["histograms"]:
        values = [event.histogram_value for event in events.Histograms(tag)]
        found["histograms"][tag] = [[h.min, h.max, h.num, h.sum, sum(h.bucket), len(h.bucket)] for h in values]
    for tag in tags["images"]:
        images = events.Images(tag)
        found["images"][tag] = [[i.width, i.height, list(i.encoded_image_string[:8])] for i in images]
    if tags["graph"]:
        for node in GraphDef.FromString(events.Graph().SerializeToString()).node:
            sizes = [dim.size for dim in node.attr["_output_shapes"].list.shape[0].dim]
            found["nodes"].append([node.name, node.op, list(node.input), sizes])
    return found


print(json.dumps({part: read(f"{sys.argv[1]}/{part}") for part in ("train", "validation")}))
