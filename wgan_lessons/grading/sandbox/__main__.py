"""Start a kernel inside bubblewrap; the kernelspec beside this file calls it.

It runs only below the judge, which tells where the desk is and what the limits are.
"""

import json
import os
import shutil
import sys

from wgan_lessons.grading import limits

# What programs look up there; /etc as a whole holds passwords of services.
ETC = "ld.so.cache ld.so.conf ld.so.conf.d alternatives fonts localtime passwd group"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt")
KERNEL = ("-m", "ipykernel_launcher", "--HistoryManager.enabled=False", "-f")


def main(arguments):
    """Turn this process into the kernel whose connection file is named."""
    told = os.environ.get("WGAN_LESSONS_LAUNCH")
    if told is None or len(arguments) != 1:
        sys.exit("this kernel is for judging: wgan-lessons grade ... --kernel sandbox")
    program = shutil.which("bwrap")
    if program is None:
        sys.exit("bwrap is not installed. Run: apt-get install bubblewrap")
    settings = json.loads(told)
    python = [sys.executable, "-I", "-S", str(limits.LAUNCH)]
    kernel = [sys.executable, *KERNEL, *arguments]
    inside = {**settings, "level": "plain", "alone": True, "hidden": []}
    os.environ["WGAN_LESSONS_LAUNCH"] = json.dumps(inside)
    os.environ.pop("JPY_PARENT_PID", None)
    os.execv(program, [program, *walls(settings), "--", *python, *kernel])


def walls(settings):
    """Return bubblewrap's options: what the kernel sees, and nothing else."""
    base, desk = settings["base"], settings["desk"]
    sizes = str(settings["file_mb"] << 20)
    visible = [*SYSTEM, *(f"/etc/{name}" for name in ETC.split()), *limits.needed()]
    options = [
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
    ]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in [*outermost(visible), *settings["fonts"]]:
        options += link_or_bind(path)
    conn = os.path.join(base, "conn")
    options += ["--bind", conn, conn, "--size", sizes, "--tmpfs", desk]
    options += ["--size", sizes, "--tmpfs", "/dev/shm", "--remount-ro", "/"]
    return [*options, "--chdir", desk]


def outermost(paths):
    """Return the paths that exist and lie below no other one of them."""
    found = sorted({p for p in paths if os.path.exists(p)})
    real = [p for p in found if not os.path.islink(p)]
    return [p for p in found if not any(limits.within(p, q) for q in real if q != p)]


def link_or_bind(path):
    """Return the options that show one path, read-only."""
    if os.path.islink(path) and path.count("/") == 1:  # /bin -> usr/bin
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path]


if __name__ == "__main__":
    main(sys.argv[1:])
