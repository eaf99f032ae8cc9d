"""Downloads against a server on this machine that misbehaves in every way we know."""

import hashlib
import http.server
import socket
import threading

import pytest

from wgan_lessons import files

CONTENT = b"what was published, " * 20_000
FILE = "numbers.gz"

# Pooch leaves the sockets of failed downloads to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers /<manner>/<file> in that manner, and writes down the manner."""

    def do_GET(self):
        manner = self.path.split("/")[1]
        self.server.asked.append(manner)
        if manner == "mending":
            manner = "cut" if self.server.asked.count(manner) == 1 else "good"
        if manner == "silent":
            self.server.closing.wait(10)
            return
        if manner in ("missing", "busy"):
            self.send_error({"missing": 404, "busy": 503}[manner])
            return
        body = {"wrong": b"x" * len(CONTENT), "empty": b""}.get(manner, CONTENT)
        self.send_response(200)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if manner == "cut" else body)

    def log_message(self, *ignored):
        """Keep quiet."""


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.closing = [], threading.Event()
        thread = threading.Thread(
            target=server.serve_forever, kwargs=dict(poll_interval=0.01)
        )
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WGAN_LESSONS_DATA", str(tmp_path / "kept"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "TIMEOUT", (5, 1))
    return tmp_path / "kept" / "numbers"


def refusing():
    """The address of a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/refusing/"


def source(server, *manners):
    mirrors = tuple(
        refusing() if m == "refusing" else f"http://127.0.0.1:{server.server_port}/{m}/"
        for m in manners
    )
    return files.Source("numbers", mirrors, {FILE: hashlib.sha256(CONTENT).hexdigest()})


def contents(folder):
    return sorted(p.name for p in folder.rglob("*")) if folder.exists() else []


def test_a_file_is_downloaded_once(server, folder, capfd):
    path = files.fetch(source(server, "good"), FILE)
    assert path == folder / FILE
    assert path.read_bytes() == CONTENT
    assert contents(folder) == [FILE]
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert files.fetch(source(server, "good"), FILE) == path
    assert server.asked == ["good"]


def test_a_file_that_is_there_needs_no_mirror(server, folder):
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(CONTENT)
    assert files.fetch(source(server), FILE) == folder / FILE


BROKEN = {
    "cut": "broke off in the middle",
    "wrong": "sent a file with another checksum",
    "empty": "sent a file with another checksum",
    "missing": "sent the status 404 Not Found",
    "busy": "sent the status 503 Service Unavailable",
    "silent": "did not answer in time",
    "refusing": "could not be reached",
}


@pytest.mark.parametrize("manner", BROKEN)
def test_after_a_broken_mirror_the_next_one_is_asked(server, folder, manner):
    path = files.fetch(source(server, manner, "good"), FILE)
    assert path.read_bytes() == CONTENT
    assert contents(folder) == [FILE]
    assert server.asked[-1] == "good"


@pytest.mark.parametrize("manner", BROKEN)
def test_a_broken_mirror_leaves_no_file_and_is_named(server, folder, manner):
    broken = source(server, manner)
    with pytest.raises(OSError) as caught:
        files.fetch(broken, FILE)
    message = str(caught.value)
    assert f"{FILE} could not be downloaded; got: " in message
    assert f"{broken.mirrors[0]} {BROKEN[manner]}" in message
    assert f"put the file into {folder} yourself" in message
    assert contents(folder) == []


def test_when_all_mirrors_fail_each_is_named(server, folder):
    broken = source(server, *BROKEN)
    with pytest.raises(OSError) as caught:
        files.fetch(broken, FILE)
    for mirror, reason in zip(broken.mirrors, BROKEN.values(), strict=True):
        assert f"{mirror} {reason}" in str(caught.value)
    assert contents(folder) == []


def test_a_broken_transfer_is_tried_again_and_a_wrong_answer_is_not(server, folder):
    assert files.fetch(source(server, "mending"), FILE).read_bytes() == CONTENT
    assert server.asked == ["mending", "mending"]
    (folder / FILE).unlink()
    server.asked.clear()
    with pytest.raises(OSError):
        files.fetch(source(server, "wrong", "missing", "cut"), FILE)
    assert server.asked == ["wrong", "missing", "cut", "cut"]


@pytest.mark.parametrize("found", [b"", CONTENT[:-1], b"my own"])
def test_a_file_with_another_checksum_is_kept_and_refused(server, folder, found):
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(found)
    with pytest.raises(ValueError, match="is not the published file; got SHA-256"):
        files.fetch(source(server, "good"), FILE)
    assert (folder / FILE).read_bytes() == found
    assert server.asked == []


def test_a_folder_that_cannot_be_made(server, folder):
    folder.parent.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=f"cannot write {FILE} into .*WGAN_LESSONS_DATA"):
        files.fetch(source(server, "good"), FILE)
    assert folder.parent.is_file()


def test_a_read_only_folder(server, folder, monkeypatch):
    folder.mkdir(parents=True)

    # The tests may run as root, whom no permission stops.
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(OSError, match="Permission denied.*folder that you can write"):
        files.fetch(source(server, "good"), FILE)
    assert contents(folder) == []


def test_a_full_disk_leaves_no_half_file(server, folder, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pooch.downloaders.HTTPDownloader.__call__", full)
    with pytest.raises(OSError, match="cannot write.*No space left"):
        files.fetch(source(server, "good"), FILE)
    assert contents(folder) == []


def test_an_interrupted_download_leaves_no_half_file(server, folder, monkeypatch):
    def interrupt(self, url, output_file, pooch):
        with open(output_file, "wb") as half:
            half.write(CONTENT[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.downloaders.HTTPDownloader.__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.fetch(source(server, "good"), FILE)
    assert contents(folder) == []


def test_an_unknown_file_is_refused_by_name(server, folder):
    with pytest.raises(ValueError, match="unknown file 'letters.gz'.*numbers.gz"):
        files.fetch(source(server, "good"), "letters.gz")


def test_downloads_go_to_the_chosen_folder_the_checkout_or_the_cache(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("WGAN_LESSONS_DATA", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.downloads() == tmp_path / "mine"
    monkeypatch.setenv("WGAN_LESSONS_DATA", "")
    assert files.downloads() == files.HERE.parent / "data" / "downloads"
    monkeypatch.setattr(files, "HERE", tmp_path / "site-packages" / "wgan_lessons")
    assert files.downloads().name == "wgan-lessons"
    assert tmp_path / "site-packages" not in files.downloads().parents


def test_committed_files_are_found_in_a_checkout_and_in_a_wheel(tmp_path, monkeypatch):
    assert files.committed("classifier.npz").is_file()
    with pytest.raises(
        ValueError, match="no data file 'none.csv'.*install the package"
    ):
        files.committed("none.csv")
    monkeypatch.setattr(files, "HERE", tmp_path / "wgan_lessons")
    packed = tmp_path / "wgan_lessons" / "_data" / "classifier.npz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(b"")
    assert files.committed("classifier.npz") == packed
