"""settings.json of a folder of results: whose they are, and with which seed."""

import json
import secrets

from wgan_lessons import _checks, files

SEEDS = 2**31 - 1


def kept(out, name):
    """Return what OUT/settings.json says under a name; errors as they come."""
    return json.loads((out / "settings.json").read_text("utf-8"))[name]


def same_set(out, name):
    """Raise ValueError if a folder is none, or holds the results of another set."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file. Choose a folder for --out.")
    try:
        before = kept(out, "key")
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != name:
        raise ValueError(
            f"{out} holds the results of {before!r}; got the key {name!r}. Choose "
            "another folder for --out."
        )


def seed_of(out, seed):
    """Return the seed to use: the given one, that of the last time, or a fresh one."""
    if seed is not None:
        return _checks.integer("seed", seed, minimum=0)
    try:
        return _checks.integer("seed", kept(out, "seed"), minimum=0)
    except FileNotFoundError:
        return 1 + secrets.randbelow(SEEDS)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{out / 'settings.json'} holds no seed to go on with; got {error}. "
            "Give --seed, or choose another folder for --out."
        ) from error


def write(out, settings):
    """Write settings.json, before any submission is judged."""
    content = json.dumps(settings, indent=1).encode()
    files.replace_file(out / "settings.json", lambda file: file.write(content))
