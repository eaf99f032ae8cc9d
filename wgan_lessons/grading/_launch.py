"""Start a kernel inside its limits: run as a script, with nothing but Python's own.

    python -I -S _launch.py COMMAND...

The settings come as JSON in the environment variable WGAN_LESSONS_LAUNCH, which the
command does not get. Where Linux allows it, the command becomes process 1 of namespaces
of its own: it sees no other process, no network and no key, and can write only into its
own desk, which is kept in memory and vanishes with it. `limits.level` asks beforehand
what the machine allows, so that here everything must work or the kernel does not start.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import stat
import sys
import time

NEW_USER, NEW_PID, NEW_NET, NEW_MOUNT, NEW_IPC = (
    0x10000000,
    0x20000000,
    0x40000000,
    0x00020000,
    0x08000000,
)
NO_SUID, NO_DEV, NO_EXEC, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 4096, 0x4000, 1 << 18
DEATH_SIGNAL, DROP_FROM_BOUND, NO_NEW_PRIVILEGES = 1, 24, 38
MOUNT_SETATTR, WHOLE_TREE, READ_ONLY, HERE = 442, 0x8000, 1, -100
DEVICES = ("null", "zero", "full", "random", "urandom")
NO_MORE_CALLS, FILTER = 22, 2
NOT_PERMITTED, NOT_KNOWN, ALLOWED = 0x00050001, 0x00050026, 0x7FFF0000
# Of each machine: its number for the kernel, clone, clone3, and calls without which
# nobody notices: memory that is in no process and no folder (shmget, msgget,
# memfd_create, memfd_secret), the keys of the user's session (add_key, request_key,
# keyctl), and namespaces in which one is privileged (unshare, setns).
CALLS = {
    "x86_64": (0xC000003E, 56, 435, (29, 68, 319, 447, 248, 249, 250, 272, 308)),
    "aarch64": (0xC00000B7, 220, 435, (194, 186, 279, 447, 217, 218, 219, 97, 268)),
}
# Of each machine: socket. Namespaces hold these families and no others, such as the
# wires between a virtual machine and its host.
SOCKET, FAMILIES, NO_FAMILY = {"x86_64": 41, "aarch64": 198}, (1, 2, 10, 16), 0x00050061
OPEN_FILES = 1024
SOCKETS = 5  # of a kernel
MB = 1 << 20

libc = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """What the system call mount_setattr takes."""

    _fields_ = [(n, ctypes.c_uint64) for n in ("set", "clear", "spread", "user")]


class Step(ctypes.Structure):
    """One instruction of a filter of system calls."""

    _fields_ = [
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class Program(ctypes.Structure):
    """A filter as prctl takes it."""

    _fields_ = [("length", ctypes.c_uint16), ("steps", ctypes.POINTER(Step))]


def must(status):
    """Raise what the C library reports."""
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source, target, kind, flags, options=None):
    """Call mount(2)."""
    words = (source, target, kind, options)
    source, target, kind, options = (w and os.fsencode(w) for w in words)
    must(libc.mount(source, target, kind, flags, options))


def mount_memory(target, megabytes):
    """Mount an empty folder, kept in memory, over `target`."""
    options = f"mode=755,nr_inodes=10k,size={megabytes}m"
    mount("tmpfs", target, "tmpfs", NO_SUID | NO_DEV, options)


def writable(path, allowed, *, tree=False):
    """Make the mount at `path`, or all below it too, read-only or writable."""
    change = Attributes(0, READ_ONLY) if allowed else Attributes(READ_ONLY, 0)
    flags = WHOLE_TREE if tree else 0
    arguments = (os.fsencode(path), flags, ctypes.byref(change), ctypes.sizeof(change))
    must(libc.syscall(MOUNT_SETATTR, HERE, *arguments))


def separate(*, mounts):
    """Leave the namespaces of the caller; the next child is process 1."""
    user, group = os.getuid(), os.getgid()
    must(libc.unshare(NEW_USER | NEW_PID | NEW_NET | NEW_IPC | NEW_MOUNT * mounts))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def devices():
    """Leave of /dev what every program may use: no disk, no terminal of the user."""
    held = {name: os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    mount_memory("/dev", 1)
    for name, number in held.items():
        with open(f"/dev/{name}", "w"):
            pass
        mount(f"/proc/self/fd/{number}", f"/dev/{name}", None, BIND)
        os.close(number)
    for name in ("pts", "shm"):
        os.mkdir(f"/dev/{name}")
    options = "newinstance,ptmxmode=0666,mode=620"
    mount("devpts", "/dev/pts", "devpts", NO_SUID | NO_EXEC, options)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        links[name] = f"/proc/self/fd/{number}"
    for name, target in links.items():
        os.symlink(target, f"/dev/{name}")


def furnish(base, hidden, megabytes):
    """Cover what is hidden, make the rest read-only and mount an empty desk."""
    conn, desk = os.path.join(base, "conn"), os.path.join(base, "desk")
    mount(None, "/", None, RECURSIVE | PRIVATE)
    held = os.open(conn, os.O_PATH)
    mount("proc", "/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)
    for path in hidden:
        if os.path.isdir(path):
            mount_memory(path, 1)
        elif os.path.exists(path):
            mount("/dev/null", path, None, BIND)
    devices()
    for path in (conn, desk):
        os.makedirs(path, exist_ok=True)
    mount(f"/proc/self/fd/{held}", conn, None, BIND)
    os.close(held)
    for path in ("/dev/shm", desk):
        mount_memory(path, megabytes)
    writable("/", False, tree=True)
    for path in ("/dev/shm", conn, desk):
        writable(path, True)


def contents(paths):
    """Return {name: bytes} of the files, read before anything is covered."""
    found = {}
    for path in paths:
        with open(path, "rb") as file:
            found[os.path.basename(path)] = file.read()
    return found


def prepare(desk, fonts):
    """Make the desk's folders and go to work; matplotlib's lists of fonts are gifts."""
    cache = os.path.join(desk, "home", ".cache", "matplotlib")
    for path in (cache, os.path.join(desk, "work"), os.path.join(desk, "tmp")):
        os.makedirs(path, exist_ok=True)
    for name, data in fonts.items():
        with open(os.path.join(cache, name), "wb") as file:
            file.write(data)
    os.chdir(os.path.join(desk, "work"))


def limit(name, value, *, extra=0):
    """Set a resource limit where the system has it and lets it be lowered."""
    kind = getattr(resource, name, None)
    if kind is not None:
        hard = resource.getrlimit(kind)[1]
        top = [v for v in (hard,) if v != resource.RLIM_INFINITY]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (min([value, *top]), min([value + extra, *top])))


def forbid():
    """Refuse the system calls of CALLS to this process and all that it starts."""
    if os.uname().machine not in CALLS:
        return
    machine, clone, clone3, calls = CALLS[os.uname().machine]
    load, equal, above, bits, end = 0x20, 0x15, 0x35, 0x45, 0x06
    steps = [(load, 0, 0, 4), (equal, 1, 0, machine), (end, 0, 0, NOT_KNOWN)]
    # Numbers from here on are those of x32; clone3 hides its flags, and everybody
    # who is told that there is none goes on with clone.
    steps += [(load, 0, 0, 0), (above, 0, 1, 1 << 30), (end, 0, 0, NOT_KNOWN)]
    steps += [(equal, 0, 1, clone3), (end, 0, 0, NOT_KNOWN)]
    for number in calls:
        steps += [(equal, 0, 1, number), (end, 0, 0, NOT_PERMITTED)]
    few = len(FAMILIES)
    steps += [(equal, 0, few + 3, SOCKET[os.uname().machine]), (load, 0, 0, 16)]
    steps += [(equal, few - n, 0, family) for n, family in enumerate(FAMILIES)]
    steps += [(end, 0, 0, NO_FAMILY), (end, 0, 0, ALLOWED)]
    steps += [(equal, 0, 3, clone), (load, 0, 0, 16), (bits, 0, 1, NEW_USER)]
    steps += [(end, 0, 0, NOT_PERMITTED), (end, 0, 0, ALLOWED)]
    program = Program(len(steps), (Step * len(steps))(*steps))
    with contextlib.suppress(OSError):  # not every container has filters
        must(libc.prctl(NO_MORE_CALLS, FILTER, ctypes.byref(program), 0, 0))


def seal(conn, child):
    """Make the folder of the sockets read-only, where files could fill the disk.

    That is once a kernel has made them and the examiner has taken the connection file
    away. The child has not the privilege to undo it. Return when it has ended, too.
    """
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        names = []
        with contextlib.suppress(OSError):  # what is above it is being covered
            names = [os.path.join(conn, name) for name in os.listdir(conn)]
        if len(names) >= SOCKETS and all(map(is_socket, names)):
            return writable(conn, False)
        time.sleep(0.01)


def is_socket(path):
    """Whether a path is a socket."""
    with contextlib.suppress(OSError):
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    return False


def restrain(settings, *, alone):
    """Set the limits for good, and give up every privilege."""
    limit("RLIMIT_CPU", settings["cpu_seconds"], extra=2)
    limit("RLIMIT_DATA", settings["memory_mb"] * MB)
    limit("RLIMIT_AS", settings["space_mb"] * MB)
    limit("RLIMIT_FSIZE", settings["file_mb"] * MB)
    limit("RLIMIT_CORE", 0)
    limit("RLIMIT_NOFILE", OPEN_FILES)
    if alone:  # elsewhere it would count all that the user runs
        limit("RLIMIT_NPROC", settings["threads"])
    if sys.platform == "linux":
        for number in range(64):
            libc.prctl(DROP_FROM_BOUND, number, 0, 0, 0)
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        forbid()


def begin(settings, command, environment, *, fonts, alone):
    """Turn this process into the command."""
    prepare(settings["desk"], fonts)
    restrain(settings, alone=alone)
    os.execvpe(command[0], command, environment)


def main():
    """Start what stands on the command line."""
    environment = dict(os.environ)
    settings = json.loads(environment.pop("WGAN_LESSONS_LAUNCH"))
    environment.pop("JPY_PARENT_PID", None)  # the number means nothing in there
    command, level = sys.argv[1:], settings["level"]
    given = (settings, command, environment)
    fonts = contents(settings["fonts"])
    if level == "plain":
        begin(*given, fonts=fonts, alone=settings.get("alone", False))
    # Commands start with their parent's death signal only; this one dies with its own.
    separate(mounts=level == "closed")
    libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    child = os.fork()
    if not child:
        # Should this process have died meanwhile, the new one must not live on.
        libc.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if level == "closed":
            furnish(settings["base"], settings["hidden"], settings["file_mb"])
        begin(*given, fonts=fonts, alone=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the kernel
    if level == "closed":
        seal(os.path.join(settings["base"], "conn"), child)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
