"""What a student's kernel may use, and how far this machine can shut it in.

Three levels; the first that works is used, and `level()` says which:

closed    Linux with user namespaces. No network, no other process to see, signal or
          read, nothing to write but a desk in memory; the temporary folder, /run and
          what the caller names are covered. It still reads what the user can read.
cut off   the same without a file system of its own: files are as open as in "plain".
plain     any other system. Limits, a stripped environment, an empty folder, and the
          family is hunted down at the end; but a kernel of the same user can read and
          write the user's files, reach the network, watch other kernels and kill the
          judge (which loses its own verdict).

Only a sandboxed kernel (`grading/sandbox`) hides the user's files as well. Resource
limits hold for each process; the memory and number of all together are watched. For
root, Linux ignores the limit on processes: there the watch and the end remain.
"""

import contextlib
import ctypes
import functools
import json
import math
import os
import site
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from wgan_lessons.grading import _folder

LAUNCH = Path(__file__).with_name("_launch.py")
LEVELS = ("closed", "cut off", "plain")
SENTENCES = {
    "closed": "Submissions have no network, see no other process, write nowhere but "
    "on a desk in memory, and read no key; they can read your other files. "
    "--kernel sandbox hides those.",
    "cut off": "Submissions have no network and see no other process, but can read and "
    "write your files, the key if they find it. Use --kernel sandbox.",
    "sandbox": "Submissions run in bubblewrap: no network, no other process, none of "
    "your files.",
    "plain": "This machine cannot shut submissions in: they can read and write your "
    "files, the key if they find it, use the network and see each other run. Use "
    "--kernel sandbox, a container or a user of its own.",
}
# Torch built for a GPU maps gigabytes of libraries that it never touches.
LIBRARIES_MB = 8192
THREADS = 512
DEATH_SIGNAL, NOT_DUMPABLE, SUBREAPER = 1, (4, 0), (36, 1)
# All else stays outside: tokens, addresses of agents, settings of tools.
KEPT = (
    *("PATH", "PYTHONPATH", "PYTHONUTF8", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "COMSPEC", "WGAN_LESSONS_DATA"),
)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Limits:
    """What one submission may use; all times in seconds, sizes in MB of 2**20 bytes.

    `seconds` is wall time for all of it, `cell_seconds` for one cell; `cpu_seconds` and
    `memory_mb` hold for a process, and the memory of all of them together is watched.
    Importing the course with torch takes 0.35 GB of `memory_mb` and 3 to 5 s of CPU.
    `output_mb` is what may be printed, `file_mb` one file, and in a desk of memory all.
    `processes` may live at once. ValueError for what is not positive.
    """

    seconds: float = 180.0
    cell_seconds: float = 60.0
    cpu_seconds: float = 120.0
    memory_mb: int = 3072
    output_mb: int = 10
    file_mb: int = 128
    processes: int = 32

    def __post_init__(self):
        from wgan_lessons import _checks  # loads NumPy, which examiners do without

        for name, value in asdict(self).items():
            if name.endswith("seconds"):
                _checks.number(name, value, above=0)
            else:
                _checks.integer(name, value)


def environment(desk, token):
    """Return the kernel's environment: a short list of names, homes on its desk."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith("LC_")}
    if site.ENABLE_USER_SITE:
        kept["PYTHONUSERBASE"] = site.getuserbase()
    home, temporary = os.path.join(desk, "home"), os.path.join(desk, "tmp")
    places = {"HOME": home, "USERPROFILE": home, "IPYTHONDIR": f"{home}/.ipython"}
    places |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
    # The reference ran without a GPU, too: the same numbers on every machine.
    fixed = {"CUDA_VISIBLE_DEVICES": "", "WGAN_LESSONS_JUDGED": token}
    threads = {name: os.environ.get(name, "1") for name in ONE_THREAD}
    return {**kept, **places, **threads, **fixed}


def needed():
    """Return the folders that a Python kernel of this machine cannot do without.

    Of a checkout on the path that is the package and its data, never the exercises. Ask
    in a process that was started with -P: elsewhere the path names other folders, too.
    """
    roots = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)]
    roots += [os.path.dirname(sys.executable), os.environ.get("WGAN_LESSONS_DATA", "")]
    for path in filter(os.path.isabs, sys.path):
        checkout = os.path.isfile(os.path.join(path, "pyproject.toml"))
        names = ("wgan_lessons", "data") if checkout else ("",)
        roots += [os.path.join(path, name) for name in names]
    found = {os.path.abspath(p) for p in roots if p and os.path.exists(p)}
    return sorted(found | {os.path.realpath(p) for p in found})


def within(path, folder):
    """Whether `path` is `folder` or lies below it."""
    return os.path.commonpath([path, folder]) == folder


def coverable(path, keep):
    """Yield what can be covered of `path` so that all of `keep` stays in reach."""
    path = os.path.realpath(path)
    if any(within(kept, path) for kept in keep):
        if os.path.isdir(path) and path not in keep:
            for name in sorted(os.listdir(path)):
                yield from coverable(os.path.join(path, name), keep)
    elif os.path.exists(path):
        yield path


def covered(hidden):
    """Return all paths to cover: those named, the temporary folder, and /run.

    Under the temporary folder lie the connections of other kernels, under /run the
    sockets of the system. Either stays open if Python itself lies there.
    """
    keep = needed()
    places = [p for path in hidden for p in coverable(path, keep)]
    temporary = {_folder.place(), os.path.realpath(tempfile.gettempdir())}
    always = {os.path.realpath(path) for path in ("/run", "/tmp", "/var/tmp")}
    for path in sorted({*temporary, *always, *sockets()}):
        if os.path.exists(path) and not any(within(kept, path) for kept in keep):
            places.append(path)
    # What lies in a covered folder is gone with it.
    tops = [p for p in places if not any(within(p, q) for q in places if q != p)]
    return sorted(set(tops))


def sockets():
    """Return the paths of services' sockets: no network namespace shuts them out."""
    with contextlib.suppress(OSError), open("/proc/net/unix") as table:
        named = (line.rstrip("\n").split(" ", 7)[7:] for line in table)
        return {os.path.realpath(p[0]) for p in named if p and p[0].startswith("/")}
    return set()


def fonts():
    """Return the paths of matplotlib's lists of fonts: each takes seconds to make."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    folder = Path(os.environ.get("MPLCONFIGDIR") or cache / "matplotlib")
    return [str(path) for path in folder.glob("fontlist-*.json") if path.is_file()]


def settings(limits, base, how, *, hidden=()):
    """Return what the launcher reads, as JSON."""
    values = {k: math.ceil(v) for k, v in vars(limits).items()}
    more = {
        "level": how,
        "base": base,
        "desk": os.path.join(base, "desk"),
        "hidden": covered(hidden) if how == "closed" else [],
        "fonts": fonts(),
        "space_mb": limits.memory_mb + LIBRARIES_MB,
        "threads": THREADS,
    }
    return json.dumps({**values, **more})


PROBE = "import os; open('probe', 'w').close(); print(os.getpid())"


def describe(kernel=None):
    """Return a sentence for people: what a kernel can do on this machine."""
    if kernel in (None, "sandbox"):
        return SENTENCES[kernel or level()]
    return f"Kernel {kernel!r}: see its own documentation for what it shuts out."


def launches(how):
    """Whether the launcher can start a process at this level."""
    with _folder.temporary() as base:
        command = [sys.executable, "-I", "-S", str(LAUNCH)]
        command += [sys.executable, "-I", "-S", "-c", PROBE]
        given = {**os.environ, "WGAN_LESSONS_LAUNCH": settings(Limits(), base, how)}
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            run = subprocess.run(
                command, env=given, stdout=subprocess.PIPE, timeout=20, **quiet
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return run.returncode == 0 and (how == "plain" or run.stdout.strip() == b"1")


@functools.cache
def level():
    """Return how far this machine can shut a kernel in: one of LEVELS.

    The answer is found by trying, once a process.
    """
    if sys.platform != "linux":
        return "plain"
    return next((how for how in LEVELS[:-1] if launches(how)), "plain")


def die_with(parent):
    """Let this process end when `parent`, which started it, does."""
    control((DEATH_SIGNAL, 9))
    if os.getppid() != parent:
        os._exit(1)


def control(option):
    """Call prctl for this process, where there is such a thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(*option, 0, 0, 0)


def hide_process():
    """Close this process's memory and environment to others of the same user."""
    control(NOT_DUMPABLE)


def adopt_orphans():
    """Make this process the parent of all that its descendants leave behind."""
    control(SUBREAPER)
