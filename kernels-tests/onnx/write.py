"""Small models that PyTorch writes as ONNX and gradus reads: `python write.py`.

Writes each model as NAME.onnx by the newer exporter and as NAME_script.onnx by the older one, and samples and outputs into
golden.json. Written with PyTorch 2.15, onnx 1.23 and onnxscript 0.7.
"""

import json
import os
import warnings

import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")
FOLDER = os.path.dirname(os.path.abspath(__file__))
ROWS = 3


class Last(nn.Module):
    """The last step of a sequence, batch first."""

    def forward(self, x):
        return x[:, -1, :]


class First(nn.Module):
    """The output of a recurrent layer, without its last states."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Block(nn.Module):
    """A residual block whose channels are weighed by their means."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), nn.Sigmoid())

    def forward(self, x):
        y = self.norm(self.conv(x))
        return torch.relu(x + y * self.weigh(y))


class View(nn.Module):
    """What `x.view(x.size(0), -1)` does."""

    def forward(self, x):
        return x.view(x.size(0), -1)


class Branches(nn.Module):
    """Two inputs, of numbers and of words, two branches side by side, two outputs."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.left, self.right, self.head = nn.Linear(4, 3), nn.Linear(5, 3), nn.Linear(6, 2)

    def forward(self, words, numbers):
        left = self.left(self.words(words)).mean(dim=1)
        both = torch.cat([left, torch.tanh(self.right(numbers))], dim=1)
        return torch.log_softmax(self.head(both), dim=-1), both


def images():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1), Block(4),
        nn.Conv2d(4, 8, (3, 2), groups=4, padding=(2, 0), dilation=(2, 1)), nn.LeakyReLU(0.1), nn.AvgPool2d(2, padding=1),
        nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1), nn.ELU(), nn.Upsample(scale_factor=2),
        nn.ZeroPad2d((1, 0, 0, 2)), nn.PReLU(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(504, 3), nn.Softmax(dim=1),
    ), [(2, 13, 11)]


def depthwise():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3), nn.Hardswish(), nn.BatchNorm2d(6), nn.ReLU6(), nn.GELU(), nn.SiLU(),
        nn.AdaptiveAvgPool2d(1), View(), nn.Linear(6, 2),
    ), [(3, 5, 6)]


def series():
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1), nn.BatchNorm1d(4), nn.Tanh(), nn.MaxPool1d(2), nn.Conv1d(4, 3, 2),
        nn.Softplus(), nn.Flatten(), nn.Linear(3 * 2, 4), nn.LayerNorm(4), nn.SELU(), nn.Linear(4, 1), nn.Sigmoid(),
    ), [(2, 12)]


def volumes():
    return nn.Sequential(
        nn.Conv3d(1, 2, 2, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2)), nn.AvgPool3d((2, 1, 1)), nn.Flatten(), nn.Linear(2 * 2 * 2 * 2, 2),
    ), [(1, 3, 4, 3)]


def lstm():
    return nn.Sequential(
        First(nn.LSTM(3, 4, batch_first=True, bidirectional=True)), First(nn.LSTM(8, 5, batch_first=True)), Last(), nn.Linear(5, 2),
    ), [(6, 3)]


def gru():
    return nn.Sequential(First(nn.GRU(3, 4, batch_first=True)), nn.Linear(4, 2)), [(5, 3)]


def rnn():
    return nn.Sequential(First(nn.RNN(3, 4, batch_first=True, nonlinearity="relu")), Last()), [(5, 3)]


def branches():
    return Branches(), [(4,), (5,)]


def samples(name, shapes):
    if name == "branches":
        return [torch.randint(0, 7, (ROWS, *shapes[0])), torch.randn(ROWS, *shapes[1])]
    return [torch.randn(ROWS, *shape) for shape in shapes]


def export(model, x, path, new):
    names = [f"x{i}" for i in range(len(x))]
    axes = {"dynamic_shapes": tuple({0: torch.export.Dim("batch")} for _ in x)} if new else {"dynamic_axes": {name: {0: "batch"} for name in names}}
    if new and isinstance(model, nn.Sequential):
        axes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    torch.onnx.export(model, tuple(x), path, input_names=names, dynamo=new, external_data=False, verbose=False, **axes)
    # Where in which program a node comes from is of no use here, and larger than the model.
    file = onnx.load(path)
    del file.graph.value_info[:], file.metadata_props[:], file.graph.metadata_props[:]
    for part in [*file.graph.node, *file.graph.input, *file.graph.output, *file.graph.initializer]:
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(file, path)


def main():
    torch.manual_seed(1)
    golden = {}
    for build in [images, depthwise, series, volumes, lstm, gru, rnn, branches]:
        name = build.__name__
        model, shapes = build()
        for part in model.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.running_mean, -0.5, 0.5)
                nn.init.uniform_(part.running_var, 0.5, 1.5)
        model.eval()
        x = samples(name, shapes)
        with torch.no_grad():
            y = model(*x)
        # The newer exporter writes an RNN as one step after the other.
        for new in [False] if name == "rnn" else [True, False]:
            path = os.path.join(FOLDER, name + ("" if new else "_script") + ".onnx")
            export(model, x, path, new)
        as_json = lambda t: {"shape": list(t.shape), "values": t.flatten().tolist()}
        golden[name] = {"x": [as_json(t) for t in x], "y": [as_json(t) for t in (y if isinstance(y, tuple) else (y,))]}
    with open(os.path.join(FOLDER, "golden.json"), "w") as file:
        json.dump(golden, file)


main()
