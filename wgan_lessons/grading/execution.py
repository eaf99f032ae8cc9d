"""Run a key that can be trusted: in a fresh kernel, in an empty folder, one thread."""

import asyncio
import atexit
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from copy import deepcopy
from pathlib import Path

from wgan_lessons.grading import _folder, _texts, formats, frame, judging, limits

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
            kernel_manager_class=own_python(),
            record_timing=False,
            config=config(KernelManager=connection),
            extra_arguments=["--log-level=40", "--HistoryManager.enabled=False"],
            resources={"metadata": {"path": str(desk)}},
        )
        try:
            own = {"IPYTHONDIR": str(Path(folder) / "ipython")}
            played(client, {**environment(), **own})
        except (
            nbclient.exceptions.CellControlSignal,
            nbclient.exceptions.DeadKernelError,
        ) as error:
            raise ValueError(f"the key does not run: {reason(error, notebook)}") from (
                error
            )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(merged(cell.outputs))
    return notebook


def played(client, env):
    """Execute a client's notebook in a thread; Ctrl-C and SIGTERM end its kernel.

    In the main thread nbclient takes both signals, and leaves none for SIGTERM after.
    """
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, client.async_execute(env=env))
        try:
            done.result()
        except BaseException:
            while not done.done():
                process = getattr(getattr(client.km, "provisioner", None), "process", 0)
                if process:
                    process.kill()
                wait([done], timeout=0.2)
            atexit.unregister(client._cleanup_kernel)
            raise


def own_python():
    """Return the class of managers whose kernel is this very Python, as in judging.

    What is called python3 can be that of another environment.
    """

    class Manager(formats.need("jupyter_client").AsyncKernelManager):
        kernel_spec = frame.own_kernel()

    return Manager


def reason(error, notebook):
    """Return in one line what went wrong, and in which cell."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                first = cell.source.strip().partition("\n")[0]
                said = _texts.short(f"{output.ename}: {output.evalue}")
                return f"the cell that begins with {first[:60]!r} ends with {said}"
    return _texts.short(str(error))


def environment():
    """Return the kernel's environment: this very package, and what judges compute on.

    That is one thread unless the user says otherwise, no GPU, and the notebook's own
    way to draw.
    """
    threads = {name: os.environ.get(name, "1") for name in limits.ONE_THREAD}
    fixed = {"CUDA_VISIBLE_DEVICES": "", **judging.importable()}
    given = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    return {**given, **threads, **fixed}


def merged(outputs):
    """Join streams that follow each other, since how they are cut is chance."""
    last = None
    for output in outputs:
        name = output.get("name")
        if name and last is not None and last.get("name") == name:
            last["text"] += output["text"]
        else:
            last = output
            yield output
