"""Files beside the code: what is committed, downloaded once, or written whole.

A download is compared with its published SHA-256 and kept. `WGAN_LESSONS_DATA` names a
folder to keep downloads in, or one that holds them already:
<folder>/mnist/train-images-idx3-ubyte.gz and so on.
"""

import os
from pathlib import Path
from typing import NamedTuple

from wgan_lessons import _checks

ROUNDS = 2  # how often the mirrors are asked in turn
TIMEOUT = (5, 20)  # seconds to connect, seconds without a byte
HERE = Path(__file__).resolve().parent


class Source(NamedTuple):
    """Where files come from: a folder's name, mirrors in order, {file: SHA-256}."""

    folder: str
    mirrors: tuple
    files: dict


def committed(name):
    """Return the path of a file of the data folder, such as "classifier.npz".

    An installed package carries the folder inside itself. Raises ValueError for a file
    that does not exist.
    """
    places = (HERE / "_data" / name, HERE.parent / "data" / name)
    for place in places:
        if place.is_file():
            return place
    raise ValueError(
        f"there is no data file {name!r}; looked for {places[0]} and {places[1]}. "
        "Check the name, or install the package again."
    )


def replace_file(path, write):
    """Call `write` with a binary file that becomes `path` once it is whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def downloads():
    """Return where downloads are kept.

    `WGAN_LESSONS_DATA` where it is set, else data/downloads of a checkout, else the
    user's cache.
    """
    chosen = os.environ.get("WGAN_LESSONS_DATA")
    if chosen:
        return Path(chosen).expanduser()
    checkout = HERE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data" / "downloads"
    import pooch

    return Path(pooch.os_cache("wgan-lessons"))


def fetch(source, file):
    """Return the path of one of the source's files, downloaded if it is missing.

    A file appears under its name only whole and with the right checksum; one that is
    there is never overwritten. Raises ValueError for a file with another checksum,
    OSError where no mirror gives it or the folder cannot be written.
    """
    import pooch

    checksum = source.files[_checks.one_of("file", file, source.files)]
    path = downloads() / source.folder / file
    if not path.exists():
        _download(source, file, path)
    found = pooch.file_hash(str(path))
    if found != checksum:
        raise ValueError(
            f"{path} is not the published file; got SHA-256 {found}, not {checksum}. "
            "Delete it to download it again, or put the right one in its place."
        )
    return path


def _download(source, file, path):
    import pooch
    from requests import RequestException

    # Pooch writes to a temporary file beside `path`, compares, and only then renames.
    get = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16, timeout=TIMEOUT)
    mirrors, reasons = list(source.mirrors), {}
    for _ in range(ROUNDS):
        for mirror in list(mirrors):
            arguments = (mirror + file, source.files[file], file, path.parent)
            try:
                pooch.retrieve(*arguments, downloader=get)
                return
            except (RequestException, ValueError) as error:
                reasons[mirror], final = _reason(error)
                if final:
                    mirrors.remove(mirror)
            except OSError as error:
                raise OSError(
                    f"cannot write {file} into {path.parent}; got {error}. "
                    "Set WGAN_LESSONS_DATA to a folder that you can write."
                ) from error
    said = "; ".join(f"{mirror} {reason}" for mirror, reason in reasons.items())
    raise OSError(
        f"{file} could not be downloaded; got: {said}. Try again later, or put the "
        f"file into {path.parent} yourself."
    )


def _reason(error):
    import requests

    # What went wrong, and whether it is final: a broken connection may mend, a wrong
    # answer stays wrong.
    if isinstance(error, requests.HTTPError):
        response = error.response
        return f"sent the status {response.status_code} {response.reason}", True
    if isinstance(error, requests.Timeout):
        return "did not answer in time", False
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off in the middle", False
    if isinstance(error, requests.RequestException):
        return "could not be reached", False
    return "sent a file with another checksum", True
