"""Downloads, from a server on this machine that misbehaves."""

import contextlib
import hashlib
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from test_datasets_files import CHB, FAST, MONTAGE, write_noise

from geneeg_sk.datasets import fetch_chbmit, fetch_siena, load_chbmit

NAMES = ["RECORDS", "PN00/PN00-1.edf", "PN00/Seizures-list-PN00.txt", "PN06/PN06-1.edf"]
BIG = "PN00/PN00-1.edf"


def content_of(name):
    size = 300_000 if name.endswith(".edf") else 200
    seed = int.from_bytes(name.encode()[-6:], "big")
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


class Server(ThreadingHTTPServer):
    """Serves `files`; the faults planned for a path come first, one a request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = defaultdict(list)
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.serve({name: content_of(name) for name in NAMES})

    def serve(self, files):
        self.files = files
        sums = (f"{hashlib.sha256(c).hexdigest()} {n}\n" for n, c in self.files.items())
        self.files["SHA256SUMS.txt"] = "".join(sums).encode()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.lstrip("/")
        faults = self.server.faults[name]
        fault = faults.pop(0) if faults else None
        asked = self.headers.get("Range")
        self.server.asked.append((name, asked))
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        first = int(asked.split("=")[1].rstrip("-")) if asked and fault != "no range" else 0
        if first and first >= len(body):
            self.send_error(416)
            return
        if fault == "hang":
            threading.Event().wait(1.0)
            return
        if fault == "wrong":
            body = body[::-1]
        if fault in ("endless", "drip"):
            self.send_response(200)
            self.end_headers()
            self.pour(fault)
            return
        rest = body[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if fault == "break" else rest)

    def pour(self, fault):
        """Send bytes until the other side has enough: as fast as can be, or one by one."""
        block = bytes(100_000) if fault == "endless" else b"0"
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(block)
                if fault == "drip":
                    threading.Event().wait(0.02)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)  # between two tries
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server, folder, **options):
    options = {"timeout": 5, "verbose": False} | options
    return fetch_siena(folder, url=server.url, **options)


def files_in(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_all_files_come_as_they_are(server, tmp_path):
    assert fetch(server, tmp_path / "siena") == tmp_path / "siena"
    assert files_in(tmp_path / "siena") == server.files


def test_only_the_patients_asked_for_come_and_the_files_of_none(server, tmp_path):
    fetch(server, tmp_path, patients=["PN06"])
    assert set(files_in(tmp_path)) == {"SHA256SUMS.txt", "RECORDS", "PN06/PN06-1.edf"}
    with pytest.raises(ValueError, match=r"unknown patients \['PN99'\].*'PN00', 'PN06'"):
        fetch(server, tmp_path, patients=["PN99"])


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(server, tmp_path):
    fetch(server, tmp_path)
    (tmp_path / BIG).write_bytes(b"damaged")
    server.asked.clear()
    fetch(server, tmp_path)
    assert server.asked == [(BIG, None)]
    assert files_in(tmp_path) == server.files


def test_a_connection_that_breaks_off_is_taken_up_where_it_did(server, tmp_path):
    server.faults[BIG] = ["break", "break"]
    fetch(server, tmp_path)
    assert files_in(tmp_path) == server.files
    first, *others = [asked for name, asked in server.asked if name == BIG]
    assert first is None
    offsets = [int(asked.strip("bytes=-")) for asked in others]
    assert 0 < offsets[0] < offsets[1]
    assert len(offsets) == 2


def test_a_server_that_always_breaks_off_is_an_error_and_the_next_call_goes_on(server, tmp_path):
    server.faults[BIG] = ["break"] * 5
    with pytest.raises(OSError, match=r"PN00-1\.edf could not be downloaded in 5 tries.*call it"):
        fetch(server, tmp_path)
    assert not (tmp_path / BIG).exists()
    server.asked.clear()
    fetch(server, tmp_path)
    assert files_in(tmp_path) == server.files
    assert [asked is None for name, asked in server.asked if name == BIG] == [False]


def test_a_server_that_cannot_continue_sends_all_of_it_again(server, tmp_path):
    server.faults[BIG] = ["break", "no range"]
    fetch(server, tmp_path)
    assert files_in(tmp_path) == server.files


def test_a_wrong_file_is_refused_and_fetched_again(server, tmp_path):
    server.faults[BIG] = ["wrong"]
    fetch(server, tmp_path)
    assert files_in(tmp_path) == server.files


def test_a_file_that_stays_wrong_is_an_error_and_not_kept(server, tmp_path):
    server.faults[BIG] = ["wrong"] * 5
    with pytest.raises(ValueError, match=r"PN00-1\.edf.*does not match"):
        fetch(server, tmp_path)
    assert set(files_in(tmp_path)) == {"SHA256SUMS.txt", "RECORDS"}


def test_a_part_of_something_else_does_no_harm(server, tmp_path):
    server.faults[BIG] = ["break"] * 5
    with pytest.raises(OSError, match="5 tries"):
        fetch(server, tmp_path)
    (part,) = (tmp_path / ".part").iterdir()
    for other in (bytes(1000), bytes(400_000)):  # shorter and longer than the file
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(other)
        fetch(server, tmp_path)
        assert files_in(tmp_path) == server.files
        (tmp_path / BIG).unlink()


def test_a_server_that_does_not_answer_is_tried_again_and_then_an_error(server, tmp_path):
    server.faults[BIG] = ["hang"]
    fetch(server, tmp_path, timeout=0.2)
    assert files_in(tmp_path) == server.files
    (tmp_path / BIG).unlink()
    server.faults[BIG] = ["hang"] * 5
    with pytest.raises(OSError, match="timed out"):
        fetch(server, tmp_path, timeout=0.2)
    assert not (tmp_path / BIG).exists()


@pytest.mark.parametrize(
    ("name", "limit"), [("SHA256SUMS.txt", "MAX_SUMS_BYTES"), (BIG, "MAX_BYTES")]
)
def test_a_body_without_end_is_refused_at_once_and_not_kept(
    server, tmp_path, monkeypatch, name, limit
):
    from geneeg_sk.datasets import _fetch

    monkeypatch.setattr(_fetch, limit, 1_000_000)
    server.faults[name] = ["endless"] * 5
    with pytest.raises(OSError, match=rf"{name} has more than 1000000 bytes"):
        fetch(server, tmp_path)
    assert sum(asked == name for asked, _ in server.asked) == 1
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 1000


def test_a_server_that_sends_byte_by_byte_is_given_up(server, tmp_path):
    server.faults[BIG] = ["drip"] * 5
    began = time.monotonic()
    with pytest.raises(OSError, match=r"could not be downloaded in 5 tries: timed out: only"):
        fetch(server, tmp_path, timeout=0.3)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("listed", [b"<html>please log in</html>", b"", b"0" * 64 + b" ../../x"])
def test_what_is_no_list_of_checksums_is_refused_and_not_kept(server, tmp_path, listed):
    server.files["SHA256SUMS.txt"] = listed
    with pytest.raises(ValueError, match=r"SHA256SUMS\.txt.*Is url the folder"):
        fetch(server, tmp_path)
    assert files_in(tmp_path) == {}


def test_a_server_that_is_not_there_is_an_error(server, tmp_path):
    with pytest.raises(OSError, match=r"SHA256SUMS\.txt could not be downloaded"):
        fetch_chbmit(tmp_path, url=server.url + "nothing", verbose=False)
    assert files_in(tmp_path) == {}


def test_license_and_progress_are_shown_and_the_cache_is_where_it_is_set(
    server, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("GENEEG_CACHE", str(tmp_path))
    folder = fetch(server, None, verbose=True)
    shown = capsys.readouterr()
    assert folder == tmp_path / "siena"
    assert "CC BY 4.0" in shown.out
    assert str(folder) in shown.out
    assert "PN06-1.edf" in shown.err


@pytest.mark.filterwarnings("error")
def test_what_was_fetched_can_be_loaded(server, tmp_path):
    write_noise(tmp_path / "there/chb05/chb05_01.edf", MONTAGE)
    summary = CHB.format(name="chb05_01.edf")
    (tmp_path / "there/chb05/chb05-summary.txt").write_text(summary)
    server.serve(files_in(tmp_path / "there"))
    folder = fetch_chbmit(tmp_path / "here", patients=["chb05"], url=server.url, verbose=False)
    here, there = (load_chbmit(path, **FAST) for path in (folder, tmp_path / "there"))
    np.testing.assert_array_equal(here.X, there.X)
