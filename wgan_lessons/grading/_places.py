"""Where a key lies besides itself: what no submission may read."""

import contextlib
import glob

# What a name can match by chance, if a key lies near the root.
SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/opt", "/sbin", "/sys", "/usr", "/var")


def secret(source, folder, out):
    """Return the paths that hold the key, its solution, or other students' work.

    Solutions have the key's name, in a folder beside the key or beside its folder, or
    one deeper, where `assign --out` puts them. What git, editors and the book keep of a
    checkout holds them, too. Results need not exist yet.
    """
    source = source.resolve()
    name, home = f"{glob.escape(source.stem)}*", source.parent
    named = [*home.glob(name), *home.glob(f".{name}")]
    named += [*home.glob(f"*/{name}"), *home.glob(f"*/*/{name}")]
    named += home.parent.glob(f"*/{name}")
    places = [source, folder, out]
    places += [p for p in named if not any(p.is_relative_to(s) for s in SYSTEM)]
    checkout = next((p for p in source.parents if (p / ".git").exists()), None)
    if checkout:
        places += [checkout / ".git", checkout / "_build", *histories(checkout)]
    return sorted({path.resolve() for path in places})


def histories(checkout):
    """Yield the folders that a .git names which is a file: of worktrees, submodules."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        _, said, place = (checkout / ".git").read_text("utf-8").partition("gitdir: ")
        folder = (checkout / place.strip()).resolve()
        if said and folder.is_dir():
            yield folder
            common = folder / "commondir"
            yield (folder / common.read_text("utf-8").strip()).resolve()
