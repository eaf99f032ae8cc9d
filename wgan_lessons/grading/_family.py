"""A process and all that stems from it: counted, measured, and ended."""

import contextlib
import time

import psutil

MARK = "WGAN_LESSONS_JUDGED"
GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


class Family:
    """The descendants of the process `root`, those that left it included.

    Every look remembers who was there, so that a process whose parents have died is
    still known. `token` is the mark in the environment of all that a kernel starts; it
    finds those that were never seen. Neither is proof against a process that wipes its
    environment and is born and orphaned between two looks: namespaces are, and so is a
    root that adopts orphans (`limits.adopt_orphans`) and is ended after its family.
    """

    def __init__(self, root, token):
        self.root, self.token, self.seen = root, token, set()

    def look(self):
        """Return the members that are alive, as psutil processes."""
        parents = [self.root, *(member.pid for member in self.alive())]
        known = set()
        for pid in parents:
            if pid not in known:
                with contextlib.suppress(*GONE):
                    born = psutil.Process(pid).children(recursive=True)
                    known |= {child.pid for child in born}
                    self.seen |= set(born)
        return self.alive()

    def alive(self):
        """Return the members known that are neither gone nor zombies."""
        return [member for member in self.seen if living(member)]

    def remember_marked(self):
        """Remember every process that carries the token."""
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get(MARK) == self.token:
                self.seen.add(process)

    def memory(self, members, most):
        """Return the members' memory in bytes; pages that they share count once.

        Sharing is only looked at if the simple sum is more than `most`.
        """
        simple = sum(size(member, "memory_info", "rss") for member in members)
        if simple <= most:
            return simple
        return sum(size(member, "memory_full_info", "pss") for member in members)

    def of_root(self):
        """Return the root's own memory in bytes, 0 if it is gone."""
        try:
            return psutil.Process(self.root).memory_info().rss
        except (*GONE, psutil.AccessDenied):
            return 0

    def halt(self):
        """Stop the root where it is; it still adopts orphans."""
        with contextlib.suppress(*GONE, psutil.AccessDenied):
            psutil.Process(self.root).suspend()

    def end(self, *, seconds=10.0):
        """Kill all members, and those born meanwhile; return who is left."""
        until = time.monotonic() + seconds
        self.remember_marked()
        while (members := self.look()) and time.monotonic() < until:
            for act in (psutil.Process.suspend, psutil.Process.kill):  # nobody forks
                for member in members:
                    with contextlib.suppress(*GONE, psutil.AccessDenied):
                        act(member)
            psutil.wait_procs(members, timeout=0.1)
            self.remember_marked()
        return self.alive()


def living(process):
    """Whether a process runs and is more than an entry for its parent to read."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except GONE:
        return False


def size(process, method, name):
    """Return one number of a process's memory, in bytes; 0 if it is gone."""
    try:
        return getattr(getattr(process, method)(), name)
    except (psutil.AccessDenied, AttributeError):  # pss is known on Linux only
        return size(process, "memory_info", "rss") if name != "rss" else 0
    except GONE:
        return 0
