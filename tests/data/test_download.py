"""The download against a server on loopback that misbehaves as networks do."""

import hashlib
import http.server
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from crossner_hf.data import download as module
from crossner_hf.data.download import domain_files, download
from crossner_hf.data.sources import FILES, SourceFile, check_file, download_cache
from crossner_hf.schema import get_domain

CONTENT = b"".join(b"word%06d\tO\n" % i for i in range(30_000))
EXPECTED = SourceFile(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
HALF, THIRD = (len(CONTENT) // n // module.CHUNK * module.CHUNK for n in (2, 3))  # whole chunks


class Server(http.server.ThreadingHTTPServer):
    """Answers the n-th request by the n-th fault, later ones by the whole file or the range asked for.

    A fault is a status, or a function of the bytes to send that gives the bytes sent before the connection is cut.
    """

    daemon_threads = True

    def __init__(self, content=CONTENT, faults=(), ranges=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.ranges = content, list(faults), ranges
        self.requests = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/music/train.txt"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append(dict(self.headers))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(fault(body) if fault else body)

    def log_message(self, *_):
        pass


def half(body):
    return body[:HALF]


@pytest.fixture
def serve(monkeypatch):
    """Starts servers; attempts follow one another at once."""
    monkeypatch.setattr(module, "BACKOFF", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = []

    def start(*args, **kwargs):
        server = Server(*args, **kwargs)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "music" / "train.txt"


def files_beside(path):
    return {p.name for p in path.parent.iterdir()} - {"train.txt.lock"}


def test_a_file_comes_whole_and_with_nothing_beside_it(serve, path):
    server = serve()
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert files_beside(path) == {"train.txt"}
    assert "Range" not in server.requests[0]
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_a_file_that_is_there_is_not_asked_for_again(serve, path):
    server = serve()
    download(server.url, path, EXPECTED)
    download(server.url, path, EXPECTED)
    assert len(server.requests) == 1


def test_a_cut_connection_is_resumed_where_it_was_cut(serve, path):
    server = serve(faults=[half])
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [None, f"bytes={HALF}-"]


def test_connections_cut_again_and_again_still_get_on(serve, path):
    server = serve(faults=[lambda b: b[:THIRD], lambda b: b[:THIRD]])
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [None, f"bytes={THIRD}-", f"bytes={2 * THIRD}-"]


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(serve, path):
    server = serve(faults=[half], ranges=False)
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_passing_fault_of_the_server_is_tried_again(serve, path, status):
    server = serve(faults=[status, status])
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [404, 403])
def test_a_file_that_the_server_has_not_is_not_asked_for_again(serve, path, status):
    server = serve(faults=[status])
    with pytest.raises(ConnectionError, match=rf"could not download .*train\.txt \(HTTP status {status}\); with no"):
        download(server.url, path, EXPECTED)
    assert len(server.requests) == 1
    assert files_beside(path) == set()


def test_wrong_content_of_the_right_size_never_gets_the_files_name(serve, path):
    server = serve(content=CONTENT[:-2] + b"X\n")
    with pytest.raises(ConnectionError, match=r"has the official size but other content"):
        download(server.url, path, EXPECTED)
    assert files_beside(path) == set()
    assert [r.get("Range") for r in server.requests] == [None] * module.ATTEMPTS  # from the start each time


def test_a_file_that_the_server_holds_truncated_never_gets_the_files_name(serve, path):
    server = serve(content=CONTENT[:HALF])
    with pytest.raises(ConnectionError, match=rf"has {HALF:,} bytes, the official file {len(CONTENT):,}"):
        download(server.url, path, EXPECTED)
    assert files_beside(path) == set()


def test_what_came_before_the_last_attempt_failed_stays_to_resume_from(serve, path):
    server = serve(faults=[half, *[500] * 3])
    with pytest.raises(ConnectionError, match="HTTP status 500"):
        download(server.url, path, EXPECTED)
    assert files_beside(path) == {"train.txt.part"}
    download(server.url, path, EXPECTED)
    assert server.requests[-1]["Range"] == f"bytes={HALF}-"
    assert path.read_bytes() == CONTENT
    assert files_beside(path) == {"train.txt"}


def test_ctrl_c_leaves_a_part_that_the_next_call_resumes(serve, path, monkeypatch):
    server = serve()

    class Interrupted:
        """A progress bar during which the user presses Ctrl-C once half of the file is written."""

        done = 0

        def __init__(self, **_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, size):
            self.done += size
            if self.done >= HALF:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tqdm.auto.tqdm", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            download(server.url, path, EXPECTED)
    assert files_beside(path) == {"train.txt.part"}
    have = os.path.getsize(f"{path}.part")
    assert HALF <= have < len(CONTENT)
    download(server.url, path, EXPECTED)
    assert server.requests[-1]["Range"] == f"bytes={have}-"
    assert path.read_bytes() == CONTENT


def test_a_part_with_wrong_bytes_is_thrown_away_and_all_fetched_anew(serve, path):
    server = serve()
    path.parent.mkdir(parents=True)
    path.with_name("train.txt.part").write_bytes(b"?" * HALF)
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_is_too_long_to_resume_is_thrown_away(serve, path, size):
    server = serve()
    path.parent.mkdir(parents=True)
    path.with_name("train.txt.part").write_bytes(b"?" * size)
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert "Range" not in server.requests[0]


def test_those_who_want_the_same_file_at_once_fetch_it_once(serve, path):
    server = serve()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(download, server.url, path, EXPECTED) for _ in range(4)]:
            done.result()
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_no_network_is_one_sentence_with_the_ways_to_get_the_data(serve, path):
    server = serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError) as error:
        download(server.url, path, EXPECTED)
    text = str(error.value)
    for way in ("data_dir=", "CROSSNER_DATA_DIR", "https://github.com/zliucr/CrossNER", "sample_music"):
        assert way in text
    assert "no connection" in text
    assert "\n" not in text
    assert len(text) < 350


@pytest.fixture
def published(serve, tmp_path, monkeypatch):
    """A server that publishes CONTENT as each file of music, an empty download cache, and no data folder named."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("CROSSNER_DATA_DIR", raising=False)
    server = serve()
    monkeypatch.setattr(module, "BASE_URL", server.url.removesuffix("/music/train.txt"))
    monkeypatch.setattr(module, "FILES", dict.fromkeys(FILES, EXPECTED))
    return server


@pytest.mark.parametrize("name", ["music", "music_dedup"])
def test_files_of_a_domain_are_downloaded_once_into_the_cache(published, name):
    for _ in range(2):
        files = domain_files(get_domain(name))
        assert list(files) == ["train", "validation", "test"]
        assert [p.relative_to(download_cache()).as_posix() for p in files.values()] == [
            *("music/train.txt", "music/dev.txt", "music/test.txt")
        ]
        assert all(check_file(p, EXPECTED) is None for p in files.values())
        assert len(published.requests) == 3


def test_a_damaged_file_of_the_cache_is_fetched_again(published):
    path = domain_files(get_domain("music"))["test"]
    path.write_bytes(CONTENT[:HALF])
    assert domain_files(get_domain("music"))["test"].read_bytes() == CONTENT
    assert len(published.requests) == 4


def test_nothing_is_downloaded_into_a_folder_that_the_user_named(published, tmp_path):
    (tmp_path / "mine" / "music").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"music/train\.txt: is missing; put the official file there"):
        domain_files(get_domain("music"), tmp_path / "mine")
    assert published.requests == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-100], r"has 389,900 bytes, the official file 390,000"),
        (lambda b: b[:-2] + b"X\n", "has the official size but other content"),
    ],
)
def test_a_damaged_file_in_a_named_folder_is_an_error_unless_it_is_wanted(published, tmp_path, damage, message):
    folder = tmp_path / "mine" / "music"
    folder.mkdir(parents=True)
    for name in ("train.txt", "dev.txt", "test.txt"):
        (folder / name).write_bytes(CONTENT)
    (folder / "dev.txt").write_bytes(damage(CONTENT))
    with pytest.raises(ValueError, match=rf"music/dev\.txt: {message}.*; take it again from https"):
        domain_files(get_domain("music"), tmp_path / "mine")
    assert domain_files(get_domain("music"), tmp_path / "mine", verify=False)["validation"] == folder / "dev.txt"
    assert published.requests == []


def test_a_folder_with_the_three_files_themselves_serves_one_domain(published, tmp_path):
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_bytes(CONTENT)
    assert domain_files(get_domain("music"), tmp_path)["train"] == tmp_path / "train.txt"


def test_a_named_folder_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*none: no such folder; it should hold music/train\.txt"):
        domain_files(get_domain("music"), tmp_path / "none")
    monkeypatch.setenv("CROSSNER_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"CROSSNER_DATA_DIR=.*none: no such folder"):
        domain_files(get_domain("music"))


def test_an_own_domain_with_a_file_missing_says_which(legal):
    (legal / "dev.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"domain 'legal' needs the file\(s\) .*legal/dev\.txt$"):
        domain_files(get_domain(legal))


def test_the_sample_needs_neither_network_nor_folder(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    files = domain_files(get_domain("sample_music"))
    assert all(path.is_file() for path in files.values())


def test_official_files_are_as_published(official):
    assert {name: check_file(official / name, expected) for name, expected in FILES.items()} == dict.fromkeys(FILES)
