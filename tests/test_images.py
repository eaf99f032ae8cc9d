"""Images from made-up files in the published formats; test_files.py has the network."""

import gzip
import hashlib
import io
import os
import pickle
import re
import struct
import tarfile

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wgan_lessons import images


def test_digits_are_scikit_learns_scaled_to_minus_one_and_one():
    data = images.digits()
    assert data.images.shape == (1797, 1, 8, 8)
    assert data.images.dtype == torch.float32
    assert data.labels.dtype == torch.int64
    original = load_digits()
    # All grey levels are multiples of 1/8: exact in float32.
    assert np.array_equal((data.images[:, 0].numpy() + 1) * 8, original.images)
    assert np.array_equal(data.labels.numpy(), original.target)
    assert data.images.min() == -1
    assert data.images.max() == 1


def bilinear(image, size):
    """Enlarge by hand: pixel centres at (i + 1/2) old/new, edges repeated."""
    old = len(image)
    at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.minimum(at.astype(int), old - 2)
    share = at - low
    rows = image[low] * (1 - share)[:, None] + image[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


@pytest.mark.parametrize("size", [12, 28, 32])
def test_digits_are_enlarged_bilinearly(size):
    small, large = images.digits(), images.digits(size=size)
    assert large.images.shape == (1797, 1, size, size)
    assert torch.equal(small.labels, large.labels)
    for i in (0, 7, 1000):
        expected = bilinear(small.images[i, 0].double().numpy(), size)
        assert np.abs(large.images[i, 0].numpy() - expected).max() < 1e-5


def test_shrunk_images_keep_their_mean_and_their_range():
    """Every old pixel counts: sizes 8 -> 4 without smoothing would skip the edges."""
    flat = images.Images(torch.full((1, 1, 8, 8), 0.25), torch.zeros(1).long())
    assert torch.allclose(images._resized(flat, 4).images, torch.tensor(0.25))
    small = images.digits(size=4).images
    assert small.shape == (1797, 1, 4, 4)
    assert small.min() >= -1
    assert small.max() <= 1
    assert torch.corrcoef(torch.stack([
        small.mean((1, 2, 3)), images.digits().images.mean((1, 2, 3))
    ]))[0, 1] > 0.9  # fmt: skip


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", None])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="size must be a whole number"):
        images.digits(size=size)


def numbered(n):
    """Images whose value and label say which one they are."""
    labels = torch.arange(n)
    return images.Images(labels.float().reshape(n, 1, 1, 1) / n, labels)


@pytest.mark.parametrize(("total", "n"), [(2, 1), (10, 1), (10, 9), (1797, 1400)])
def test_a_split_is_a_partition(total, n):
    """Each image lies in exactly one part, with its own label."""
    parts = images.split(numbered(total), n, seed=3)
    assert len(parts.train.images) == len(parts.train.labels) == n
    labels = torch.cat([part.labels for part in parts])
    assert torch.equal(labels.sort().values, torch.arange(total))
    for part in parts:
        assert torch.equal(part.images.flatten(), part.labels.float() / total)


def test_the_seed_alone_decides_the_split():
    before = torch.random.get_rng_state()
    data = numbered(50)
    first, again = images.split(data, 20, seed=1), images.split(data, 20, seed=1)
    assert torch.equal(first.train.labels, again.train.labels)
    other = images.split(data, 20, seed=2)
    assert not torch.equal(first.train.labels, other.train.labels)
    rng = torch.Generator().manual_seed(1)
    assert torch.equal(images.split(data, 20, rng).train.labels, first.train.labels)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_split_shuffles():
    assert len(set(images.split(images.digits(), 50).train.labels.tolist())) == 10


@pytest.mark.parametrize("n", [0, 10, 11, 2.5, True])
def test_splits_that_are_none(n):
    with pytest.raises(ValueError, match="n must"):
        images.split(numbered(10), n)


def test_a_bare_tensor_is_not_split():
    with pytest.raises(ValueError, match="images must be Images.*Tensor.*digits()"):
        images.split(numbered(10).images, 5)


# Files in the published formats.


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Put files into the folder of local copies, and return the Source they fit."""
    monkeypatch.setenv("WGAN_LESSONS_DATA", str(tmp_path))

    def keep(**contents):
        (tmp_path / "made_up").mkdir()
        sums = {}
        for name, content in contents.items():
            name = name.replace("_", "-") + ".gz"
            (tmp_path / "made_up" / name).write_bytes(content)
            sums[name] = hashlib.sha256(content).hexdigest()
        return images.Source("made_up", (), sums)

    return keep


def idx(array, *, kind=8):
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(
        f">{array.ndim}i", *array.shape
    )
    return head + array.astype(np.uint8).tobytes()


PIXELS = np.arange(3 * 4 * 4).reshape(3, 4, 4) * 5
LABELS = np.array([7, 0, 9])
GOOD = dict(
    t10k_images_idx3_ubyte=gzip.compress(idx(PIXELS)),
    t10k_labels_idx1_ubyte=gzip.compress(idx(LABELS)),
)


@pytest.mark.parametrize("load", [images.mnist, images.fashion_mnist])
def test_idx_files_become_images(kept, load):
    data = load("test", size=4, source=kept(**GOOD))
    assert data.images.dtype == torch.float32
    assert data.images.shape == (3, 1, 4, 4)
    assert np.allclose(data.images[:, 0].numpy(), PIXELS / 127.5 - 1, atol=1e-6)
    assert data.labels.tolist() == [7, 0, 9]
    assert data.labels.dtype == torch.int64


def test_the_extremes_of_a_byte_are_minus_one_and_one(kept):
    ends = np.array([[[0, 255], [255, 0]]])
    files = dict(GOOD, t10k_images_idx3_ubyte=gzip.compress(idx(ends)))
    files["t10k_labels_idx1_ubyte"] = gzip.compress(idx(np.array([1])))
    data = images.mnist("test", size=2, source=kept(**files))
    assert data.images.flatten().tolist() == [-1, 1, 1, -1]


def test_the_training_part_has_its_own_files(kept):
    files = {name.replace("t10k", "train"): content for name, content in GOOD.items()}
    assert images.mnist("train", size=28, source=kept(**files)).images.shape[0] == 3


DAMAGED = {
    "truncated gzip": gzip.compress(idx(PIXELS))[:-12],
    "half a gzip": gzip.compress(idx(PIXELS))[:20],
    "no gzip": b"<html>Please log in</html>",
    "flipped bytes": gzip.compress(idx(PIXELS))[:12] + b"\xff" * 30,
    "nothing": b"",
    "an empty gzip": gzip.compress(b""),
    "too few pixels": gzip.compress(idx(PIXELS)[:-1]),
    "too many pixels": gzip.compress(idx(PIXELS) + b"0"),
    "labels": gzip.compress(idx(LABELS)),
    "not bytes": gzip.compress(idx(PIXELS, kind=13)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_refused_by_name(kept, damage):
    source = kept(**dict(GOOD, t10k_images_idx3_ubyte=DAMAGED[damage]))
    message = r"t10k-images-idx3-ubyte.gz cannot be read; got: .+\. Delete it"
    with pytest.raises(ValueError, match=message):
        images.mnist("test", source=source)


def test_labels_and_images_that_do_not_belong_together(kept):
    source = kept(**dict(GOOD, t10k_labels_idx1_ubyte=gzip.compress(idx(LABELS[:2]))))
    with pytest.raises(ValueError, match="got 2 labels for 3 images"):
        images.mnist("test", source=source)


@pytest.mark.parametrize("load", [images.mnist, images.fashion_mnist, images.cifar10])
def test_unknown_splits_are_refused_by_name(load):
    with pytest.raises(ValueError, match="unknown split 'valid'.*test, train"):
        load("valid")


class PythonTwo(pickle._Pickler):
    """Writes text and bytes alike as Python 2 strings, which CIFAR-10's files hold."""

    def write_string(self, text):
        text = text.encode() if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)
        self.memoize(text)


STRINGS = {bytes: PythonTwo.write_string, str: PythonTwo.write_string}
PythonTwo.dispatch = {**pickle._Pickler.dispatch, **STRINGS}


def pickled(batch):
    file = io.BytesIO()
    PythonTwo(file, protocol=2).dump(batch)
    # NumPy 2 calls its core numpy._core; the published files say numpy.core.
    return file.getvalue().replace(b"cnumpy._core.multi", b"cnumpy.core.multi")


def archive(**members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def batch(first, n=2):
    """n rows as published: 1,024 red bytes, then green, then blue, row by row."""
    rows = (np.arange(n * 3072).reshape(n, 3072) * 7 + first).astype(np.uint8)
    return {"data": rows, "labels": [(first + i) % 10 for i in range(n)]}


def cifar(kept, content):
    source = kept(cifar=content)
    name = "cifar-10-python.tar.gz"
    folder = images.fetch(source, "cifar.gz").parent
    os.rename(folder / "cifar.gz", folder / name)
    return source._replace(files={name: source.files["cifar.gz"]})


def test_cifar_batches_become_images_in_order(kept):
    batches = [batch(first) for first in (1, 2, 3, 4, 5)]
    names = [f"data_batch_{i}" for i in (1, 2, 3, 4, 5)]
    members = {k: pickled(b) for k, b in zip(names, batches, strict=True)}
    members["test_batch"] = pickled(batch(6, n=3))
    source = cifar(kept, archive(**members))
    data = images.cifar10(source=source)
    assert data.images.shape == (10, 3, 32, 32)
    assert data.labels.tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    green = batches[1]["data"][1, 1024:2048].reshape(32, 32) / 127.5 - 1
    assert np.allclose(data.images[3, 1].numpy(), green, atol=1e-6)
    test = images.cifar10("test", size=16, source=source)
    assert test.images.shape == (3, 3, 16, 16)


def test_cifar_of_todays_python_is_read_too(kept):
    rows = {k.encode(): v for k, v in batch(0).items()}
    content = archive(test_batch=pickle.dumps(rows, protocol=4))
    assert len(images.cifar10("test", source=cifar(kept, content)).images) == 2


class Evil:
    """A pickle of it runs a command where it is loaded by pickle itself."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_runs_code_is_refused(kept, tmp_path):
    target = tmp_path / "ran"
    content = pickle.dumps({b"data": Evil(target)}, protocol=4)
    source = cifar(kept, archive(test_batch=content))
    with pytest.raises(ValueError, match=r"cannot be read; got: an object \w+\.mkdir"):
        images.cifar10("test", source=source)
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()


GOOD_BATCH = pickled(batch(0))
BAD_ARCHIVES = {
    "no archive": b"<html></html>",
    "truncated": archive(test_batch=GOOD_BATCH)[:-100],
    "no such member": archive(other=GOOD_BATCH),
    "half a pickle": archive(test_batch=GOOD_BATCH[:-50]),
    "no data": archive(test_batch=pickled({"labels": [1]})),
    "no dictionary": archive(test_batch=pickled([1])),
    "other pixels": archive(
        test_batch=pickled({"data": np.zeros((2, 5)), "labels": [1]})
    ),
}


@pytest.mark.parametrize("damage", BAD_ARCHIVES)
def test_bad_archives_are_refused_by_name(kept, damage):
    source = cifar(kept, BAD_ARCHIVES[damage])
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz cannot be read; got"):
        images.cifar10("test", source=source)


def test_every_published_file_has_a_checksum_and_mirrors():
    for source, count in ((images.MNIST, 4), (images.FASHION_MNIST, 4)):
        assert len(source.files) == count
    checksums = []
    for source in (images.MNIST, images.FASHION_MNIST, images.CIFAR10):
        assert len(source.mirrors) >= 2
        assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in source.mirrors)
        checksums += source.files.values()
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in checksums)
    assert len(set(checksums)) == 9


def test_names_are_those_of_the_functions():
    assert all(load.__name__ == name for name, load in images.NAMES.items())
