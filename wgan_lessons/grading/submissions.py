"""What students handed in: a folder or a zip of notebooks, whatever else is in there.

    for submission in gather("collected.zip"):
        notebook = read(submission)          # or Unreadable(reason)
        given = answers(notebook, ["cost", "plan"])

Nothing is unpacked, and no name inside a zip is ever used as a path: members are read
into memory, each up to a limit. Links are not followed. A file that cannot be read is a
submission all the same, so that its row says why.
"""

import contextlib
import os
import stat
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from wgan_lessons.grading._answers import Answer, answers
from wgan_lessons.grading._class_list import NOTEBOOK, alphabetical, proper, unique
from wgan_lessons.grading._contents import Unreadable, notebook

__all__ = ["Answer", "Submission", "Unreadable", "answers", "gather", "load", "read"]

LARGEST = 20_000_000  # bytes of one file
MOST = 20_000  # submissions
MOST_INSIDE = 8  # notebooks in a zip that one student handed in
LONGEST = 1000  # characters of a name in a zip, with its folders
LEFT_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}
UNPACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Neither waits for a pipe nor follows a link put there meanwhile.
OPENING = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
A_LINK = "It is a link, and links are not followed. Hand in the file itself."
AN_EMPTY_FOLDER = "It is an empty folder, not a notebook. Hand in the .ipynb itself."
NO_NOTEBOOK = (
    "It is not a notebook: its name does not end in .ipynb. Hand in the .ipynb."
)


@dataclass(frozen=True)
class Submission:
    """One file as it was found.

    `name` is a label for people, unique, with / between folders; it may hold .. and any
    character, so never use it as a path. `path` is the file, or the zip in which it is
    number `member`; `problem` says why it cannot be read, where that was seen.
    """

    name: str
    path: Path
    member: int | None = None
    problem: str = ""


def gather(path, *, without=()):
    """Return the submissions in a folder, a zip, or one notebook, sorted by name.

    Every file counts but hidden ones, those that systems leave behind, and what lies
    beside the only notebook of a subfolder (its pictures and data). `without` names
    folders to pass over, such as the one for results. Raises ValueError where there is
    nothing to grade.
    """
    path = Path(path).resolve()
    if path.is_dir():
        passed = {Path(place).resolve() for place in without}
        found = proper(in_folder(path, passed))
    elif path.is_file() and NOTEBOOK.search(path.name):
        found = [Submission(printable(path.name), path)]
    elif path.is_file():
        found = proper(in_zip(path))
    else:
        raise ValueError(
            f"{path} is no folder and no file. Give the folder or the zip with the "
            "students' notebooks."
        )
    if not 0 < len(found) <= MOST:
        raise ValueError(
            f"{path} holds {len(found)} submissions; 1 to {MOST} can be graded. Give "
            "the folder or the zip with the students' notebooks."
        )
    return unique(sorted(found, key=alphabetical))


def read(submission):
    """Return the submission's notebook, nbformat 4 without outputs, or Unreadable."""
    data = load(submission)
    return data if isinstance(data, Unreadable) else notebook(data)


def load(submission):
    """Return the submission's bytes, or Unreadable."""
    if submission.problem:
        return Unreadable(submission.problem)
    try:
        data = first_bytes(submission)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        return Unreadable(
            f"The file cannot be read: {reason(error)}. Hand it in again."
        )
    except (RuntimeError, ValueError, LookupError) as error:
        return Unreadable(f"The zip cannot be read: {reason(error)}. Zip it again.")
    return Unreadable(too_large(len(data))) if len(data) > LARGEST else data


def first_bytes(submission):
    """Return the submission's bytes, or a few more than are allowed."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_file(submission.path))
        if submission.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(file))
            member = archive.infolist()[submission.member]
            file = stack.enter_context(archive.open(member))
        return file.read(LARGEST + 1)


def open_file(path):
    """Return a regular file, open for reading."""
    number = os.open(path, os.O_RDONLY | OPENING)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is not a regular file")
    return open(number, "rb")


def too_large(size):
    """Return why a file of this size is not read."""
    return (
        f"The file has {size / 1e6:.0f} MB or more; at most {LARGEST / 1e6:.0f} MB are "
        "read. Clear its outputs and hand it in again."
    )


def reason(error):
    """Return what went wrong without the path, which is no student's business."""
    return printable(getattr(error, "strerror", None) or str(error))[:120].rstrip(".")


def printable(name):
    """Return a name without the halves of characters that odd file systems give."""
    return name.encode("utf-8", "replace").decode("utf-8")


def ignored(name):
    """Whether a file or one of its folders is hidden or left behind by a system."""
    parts = [p for p in name.split("/") if p not in ("", ".", "..")]
    return any(p.startswith(".") or p.lower() in LEFT_BY_SYSTEMS for p in parts)


def in_folder(root, passed):
    """Return all submissions below a folder; the folders themselves are no paths."""
    found, waiting = [], [(root, "")]
    while waiting and len(found) <= MOST:
        folder, label = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            problem = f"The folder cannot be opened: {reason(error)}. Hand in a file."
            found.append(
                Submission(label.rstrip("/") or str(root), folder, None, problem)
            )
            continue
        empty = all(ignored(entry.name) for entry in entries)
        if empty and NOTEBOOK.search(label.rstrip("/")):
            found.append(Submission(label.rstrip("/"), folder, None, AN_EMPTY_FOLDER))
        for entry in entries:
            name, path = label + printable(entry.name), Path(entry.path)
            if ignored(entry.name) or path in passed:
                continue
            if entry.is_dir(follow_symlinks=False) and results(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((path, f"{name}/"))
            else:
                found += in_file(name, entry)
    return found


def results(folder):
    """Whether a folder holds what the grader writes."""
    return all((folder / n).exists() for n in ("settings.json", ".results", "reports"))


def in_file(name, entry):
    """Return the submissions in one entry of a folder that is no folder."""
    path = Path(entry.path)
    if entry.is_symlink():
        return [Submission(name, path, None, A_LINK)]
    if not entry.is_file(follow_symlinks=False):
        return [Submission(name, path, None, "It is not a regular file.")]
    if name.lower().endswith(".zip"):
        return in_students_zip(name, path)
    size = entry.stat(follow_symlinks=False).st_size
    problem = too_large(size) if size > LARGEST else other_kind(name)
    return [Submission(name, path, None, problem)]


def other_kind(name):
    """Return why a file of this name is no submission, "" if it may be one."""
    return "" if NOTEBOOK.search(name) else NO_NOTEBOOK


def in_students_zip(name, path):
    """Return the notebooks of a zip among the files, or one row that says why not."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(too_large(path.stat().st_size))
        found = [s for s in in_zip(path) if NOTEBOOK.search(s.name)]
        if not 0 < len(found) <= MOST_INSIDE:
            raise ValueError(
                f"The zip holds {len(found)} notebooks. Hand in one .ipynb instead."
            )
    except (ValueError, OSError) as error:
        said = str(error) if isinstance(error, ValueError) else reason(error)
        return [Submission(name, path, None, said)]
    return [replace(inside, name=f"{name}/{inside.name}") for inside in found]


def in_zip(path):
    """Return all submissions in a zip; ValueError if it is none."""
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"{printable(path.name)} is not a zip that can be read: {reason(error)}. "
            "Zip the notebooks again."
        ) from error
    if any(len(member.filename) > LONGEST for member in members):
        raise ValueError(
            f"{printable(path.name)} holds a name of more than {LONGEST} characters. "
            "Zip the notebooks again."
        )
    labels = [label(member) for member in members]
    folders = {str(parent) for each in labels for parent in PurePosixPath(each).parents}
    found = []
    for number, (name, member) in enumerate(zip(labels, members, strict=True)):
        bare = name.rstrip("/")
        if ignored(name) or not bare:
            continue
        if not name.endswith("/"):
            found.append(Submission(name, path, number, problem_of(name, member)))
        elif NOTEBOOK.search(bare) and bare not in folders - {bare}:
            found.append(Submission(bare, path, number, AN_EMPTY_FOLDER))
    return found


def label(member):
    """Return a member's name: UTF-8 even where an old program did not say so."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return printable(name.replace("\\", "/"))


def problem_of(name, member):
    """Return why a member cannot be read, as far as the zip says it, else ""."""
    if stat.S_ISLNK(member.external_attr >> 16):
        return A_LINK
    if member.flag_bits & 0x1:
        return "It is locked with a password. Zip it without one."
    if name.lower().endswith(".zip"):
        return "It is a zip inside a zip. Hand in the .ipynb itself."
    if other_kind(name):
        return other_kind(name)
    if member.compress_type not in UNPACKED:
        return "It is packed in an unusual way. Zip it again (deflate), or not at all."
    return too_large(member.file_size) if member.file_size > LARGEST else ""
