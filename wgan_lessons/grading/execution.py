"""Run a key that can be trusted: in a fresh kernel, in an empty folder, one thread."""

import os
import tempfile
from copy import deepcopy
from pathlib import Path

import wgan_lessons
from wgan_lessons.grading import _folder, formats, frame, limits

SECONDS = 120  # for one cell


def execute(notebook, *, seed=None, seconds=SECONDS):
    """Return the notebook executed from the top, in an empty folder.

    seed: in place of 0 in the cell tagged `parameters`. Raises ValueError if a cell
    fails or takes more than `seconds`.
    """
    nbclient = formats.need("nbclient")
    config = formats.need("traitlets.config").Config
    notebook = deepcopy(notebook)
    if seed is not None:
        formats.set_seed(notebook, seed)
    with tempfile.TemporaryDirectory(prefix="wgan-", dir=_folder.place()) as folder:
        # Sockets in files: ports are looked up first and taken later, by others too.
        connection = {"connection_file": str(Path(folder) / "kernel.json")}
        if os.name == "posix":
            connection["transport"] = "ipc"
        desk = Path(folder) / "desk"
        desk.mkdir()
        client = nbclient.NotebookClient(
            notebook,
            timeout=seconds,
            kernel_name=frame.KERNEL["name"],
            record_timing=False,
            config=config(KernelManager=connection),
            extra_arguments=["--log-level=40", "--HistoryManager.enabled=False"],
            resources={"metadata": {"path": str(desk)}},
        )
        try:
            own = {"IPYTHONDIR": str(Path(folder) / "ipython")}
            client.execute(env={**environment(), **own})
        except (
            nbclient.exceptions.CellControlSignal,
            nbclient.exceptions.DeadKernelError,
        ) as error:
            raise ValueError(f"the key does not run: {error}") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(_merged(cell.outputs))
    return notebook


def environment():
    """Return the kernel's environment: this very package, and what judges compute on.

    That is one thread unless the user says otherwise, and no GPU.
    """
    home = Path(wgan_lessons.__file__).parents[1]
    checkout = str(home) if (home / "pyproject.toml").is_file() else ""
    path = os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH")]))
    threads = {name: os.environ.get(name, "1") for name in limits.ONE_THREAD}
    fixed = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path}
    return {**os.environ, **threads, **fixed}


def _merged(outputs):
    """Join streams that follow each other, since how they are cut is chance."""
    last = None
    for output in outputs:
        name = output.get("name")
        if name and last is not None and last.get("name") == name:
            last["text"] += output["text"]
        else:
            last = output
            yield output
