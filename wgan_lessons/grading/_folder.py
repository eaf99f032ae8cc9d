"""A temporary folder that a stranger wrote into, made and removed with care."""

import contextlib
import itertools
import os
import secrets
import stat
import tempfile

PREFIX = "wgan-judge-"
FOLDERS = ("conn", "desk")
LONGEST = 60  # bytes of the temporary folder's path; below it lie sockets


def place():
    """Return the folder for temporary things: the system's, or /tmp.

    The path of a socket may have about a hundred bytes, or no kernel starts.
    """
    path = os.path.realpath(tempfile.gettempdir())
    long = os.name == "posix" and len(os.fsencode(path)) > LONGEST
    return os.path.realpath("/tmp") if long else path


@contextlib.contextmanager
def temporary():
    """Yield the real path of a new folder; it and all in it is gone afterwards.

    The folder is held open: whatever takes its name meanwhile is left alone.
    """
    if os.name != "posix":
        with tempfile.TemporaryDirectory(prefix=PREFIX) as path:
            for name in FOLDERS:
                os.mkdir(os.path.join(path, name))
            yield path
        return
    path = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX, dir=place()))
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in FOLDERS:
            os.mkdir(name, 0o700, dir_fd=held)
        yield path
    finally:
        try:
            empty(held)
            remove_itself(path, held)
        finally:
            os.close(held)


def empty(folder):
    """Delete all that lies in the open folder, however deep, without following links.

    Folders are lifted to the top one level at a time, so that no path gets long and no
    function calls itself.
    """
    os.fchmod(folder, 0o700)
    names = (f".{secrets.token_hex(8)}" for _ in itertools.count())
    while entries := os.listdir(folder):
        for name in entries:
            if is_folder(name, folder):
                inner = opened(name, folder)
                try:
                    lift(inner, folder, names)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)


def lift(inner, outer, names):
    """Delete the files of `inner` and move its folders to `outer`."""
    for child in os.listdir(inner):
        if is_folder(child, inner):
            os.close(opened(child, inner))  # a locked folder cannot be moved
            os.rename(child, next(names), src_dir_fd=inner, dst_dir_fd=outer)
        else:
            os.unlink(child, dir_fd=inner)


def is_folder(name, parent):
    """Whether an entry is a folder itself, not a link to one."""
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def opened(name, parent):
    """Open a folder that its maker may have locked; its parent is one of ours."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        inner = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        # It lies inside the folder made above, where nobody else is left to swap it.
        os.chmod(name, 0o700, dir_fd=parent)
        inner = os.open(name, flags, dir_fd=parent)
    if stat.S_IMODE(os.fstat(inner).st_mode) & 0o700 != 0o700:
        os.fchmod(inner, 0o700)
    return inner


def remove_itself(path, held):
    """Remove the empty folder under its name, or under the one it was moved to."""
    places = [path]
    with contextlib.suppress(OSError):
        places.append(os.readlink(f"/proc/self/fd/{held}"))
    for place in places:
        with contextlib.suppress(OSError):
            found = os.stat(place, follow_symlinks=False)
            if os.path.samestat(found, os.fstat(held)):
                os.rmdir(place)
                return
