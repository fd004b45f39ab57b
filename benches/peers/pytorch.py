"""PyTorch on the CPU. Usage: python pytorch.py WORKLOAD

Images are in channels-last memory, which is PyTorch's faster choice here. Each epoch adds up the loss, as Keras's fit
does.
"""

import sys

import torch
from torch import nn

import workloads

workload = sys.argv[1]


class Recurrent(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.lstm, self.output = nn.LSTM(28, 128, batch_first=True), nn.Linear(128, classes)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1])


def network(classes):
    if workload == "signs_cnn":
        model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Flatten(), nn.Linear(28800, classes))
        return model.to(memory_format=torch.channels_last)
    if workload == "lstm":
        return Recurrent(classes)
    if workload == "xor":
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, classes))


def train():
    x, y = (torch.from_numpy(array) for array in workloads.data(workload))
    samples, _, classes, batch = workloads.SIZES[workload]
    x = x.permute(0, 3, 1, 2) if workload == "signs_cnn" else x
    y = y.float() if workload == "xor" else y
    loss_of = nn.functional.binary_cross_entropy_with_logits if workload == "xor" else nn.functional.cross_entropy
    model = network(classes)
    parameters = model.parameters()
    optimizer = torch.optim.Adam(parameters) if workload == "lstm" else torch.optim.SGD(parameters, lr=0.01)

    def epoch():
        total = torch.zeros(())
        for images, labels in zip(x.split(batch), y.split(batch)):
            loss = loss_of(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(labels)
        return float(total) / samples

    workloads.report("pytorch", workload, epoch)


def multiply():
    a, b = (torch.from_numpy(factor) for factor in workloads.factors(workload))
    workloads.report_product("pytorch", workload, lambda: float((a @ b)[0, 0]))


multiply() if workload.startswith("matmul_") else train()
