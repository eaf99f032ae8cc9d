"""Train the small classifier of digits and write its weights to classifier.npz.

    python data/make_classifier.py

The Frechet distance, the classes and the confidence of `wgan_lessons.evaluation` are
measured with it. It learns from the 1,400 digits that the chapters train on and is
judged on the 397 held out. The weights are stored as float16, and judged as stored.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from wgan_lessons.files import replace_file
from wgan_lessons.images import digits, split
from wgan_lessons.networks import classifier

EPOCHS = 40
BATCH = 50
RATE = 1e-3
NOISE = 0.3  # a grey level is 0.125; it takes the errors from 2.9% to 1.8%


def train(data, *, epochs=EPOCHS, seed=0):
    """Return a classifier trained on `data` (Images), its weights rounded to float16.

    Adam with a rate that falls linearly to 0; each epoch shuffles anew and adds fresh
    Gaussian noise to the images.
    """
    net = classifier(seed=seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    rng = torch.Generator().manual_seed(seed)
    rounds = epochs * (len(data.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, rounds)
    for _ in range(epochs):
        order = torch.randperm(len(data.labels), generator=rng)
        for batch in order.split(BATCH):
            images = data.images[batch]
            images = images + NOISE * torch.randn(images.shape, generator=rng)
            loss = functional.cross_entropy(net(images), data.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.half().float()


@torch.inference_mode()
def accuracy(net, data):
    """Return the share of `data` (Images) that `net` classifies right."""
    return (net(data.images).argmax(dim=1) == data.labels).double().mean().item()


def write(net, path):
    """Write the weights to `path` as compressed float16: a whole file, or none."""
    weights = {k: v.half().numpy() for k, v in net.state_dict().items()}
    replace_file(path, lambda file: np.savez_compressed(file, **weights))


def main():
    """Train, judge, write, and print what data/README.md records."""
    torch.set_num_threads(1)  # the order of sums, and so the bits, depend on it
    parts = split(digits(), 1400, seed=0)
    net = train(parts.train)
    path = Path(__file__).with_name("classifier.npz")
    write(net, path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    print(f"accuracy on the 1,400: {accuracy(net, parts.train):.4f}")
    print(f"accuracy on the 397 held out: {accuracy(net, parts.held_out):.4f}")


if __name__ == "__main__":
    main()
