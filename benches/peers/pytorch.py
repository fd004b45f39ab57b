"""PyTorch on the CPU. Usage: python pytorch.py signs_cnn|fashion_mlp

Images are in channels-last memory, which is PyTorch's faster choice here. Each epoch shuffles, and counts loss and
accuracy as Keras's fit does.
"""

import sys

import torch
from torch import nn

import workloads

workload = sys.argv[1]
x, y = (torch.from_numpy(array) for array in workloads.data(workload))
samples, _, classes = workloads.SIZES[workload]
if workload == "signs_cnn":
    x = x.permute(0, 3, 1, 2)
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(28800, classes)).to(memory_format=torch.channels_last)
else:
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, classes))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def epoch():
    order = torch.randperm(samples)
    loss_sum, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    for part in order.split(workloads.BATCH):
        images, labels = x[part], y[part]
        output = model(images)
        loss = nn.functional.cross_entropy(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(part)
        right += (output.argmax(1) == labels).sum()
    return float(loss_sum) / samples, int(right) / samples


workloads.report("pytorch", workload, epoch)
