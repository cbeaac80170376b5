"""The download, against a server on loopback that fails as networks do."""

import hashlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from crossner_hf.data import download as module
from crossner_hf.data.download import domain_files, download
from crossner_hf.data.sources import FILES, SourceFile, check_file, download_cache
from crossner_hf.schema import get_domain

CONTENT = b"".join(b"word%06d\tO\n" % i for i in range(30_000))
EXPECTED = SourceFile(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
HALF = len(CONTENT) // 2
WRONG = CONTENT[:-2] + b"X\n"  # of the right size
NAMES = ("train.txt", "dev.txt", "test.txt")


class Server(http.server.ThreadingHTTPServer):
    """Answers the n-th request by the n-th fault, later ones by the content; counts requests.

    A fault is a status, or "cut" for a connection that breaks in the middle of the content.
    """

    daemon_threads = True

    def __init__(self, content=CONTENT, faults=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.requests = content, list(faults), 0
        self.url = f"http://127.0.0.1:{self.server_port}/music/train.txt"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[:HALF] if fault == "cut" else self.server.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Starts servers; attempts follow one another at once."""
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0, 0.0))
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


def names_beside(path):
    return [p.name for p in path.parent.iterdir()]


@pytest.mark.parametrize("faults", [[], ["cut"], ["cut", "cut", "cut"], [500], [503, 429], [408, "cut", 500]])
def test_a_file_arrives_whole_whatever_fault_passes(serve, path, faults):
    server = serve(faults=faults)
    download(server.url, path, EXPECTED)
    assert path.read_bytes() == CONTENT
    assert names_beside(path) == ["train.txt"]
    assert server.requests == len(faults) + 1


@pytest.mark.parametrize(
    ("content", "faults", "message", "requests"),
    [
        (CONTENT, [404], r"HTTP status 404", 1),
        (CONTENT, [403], r"HTTP status 403", 1),
        (CONTENT, [500] * 4, r"HTTP status 500", 4),
        (CONTENT, ["cut"] * 4, r"the connection was cut", 4),
        (WRONG, [], r"has the official size but other content \(its SHA-256 differs\)", 4),
        (CONTENT[:HALF], [], rf"has {HALF:,} bytes, the official file {len(CONTENT):,}", 4),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_says_why(serve, path, content, faults, message, requests):
    server = serve(content, faults)
    with pytest.raises(ConnectionError, match=rf"could not download .*train\.txt \({message}\); without a network"):
        download(server.url, path, EXPECTED)
    assert names_beside(path) == []
    assert server.requests == requests


def test_ctrl_c_leaves_nothing(serve, path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "check_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(serve().url, path, EXPECTED)
    assert names_beside(path) == []


def test_several_downloads_of_one_file_at_once_give_the_whole_file(serve, path):
    server = serve()
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(download, server.url, path, EXPECTED) for _ in range(4)]:
            future.result()
    assert path.read_bytes() == CONTENT
    assert names_beside(path) == ["train.txt"]


def test_an_error_without_a_network_is_one_sentence_with_the_ways_to_get_the_data(serve, path):
    server = serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError) as error:
        download(server.url, path, EXPECTED)
    message = str(error.value)
    for way in ("data_dir=", "CROSSNER_DATA_DIR", "https://github.com/zliucr/CrossNER", "sample_music"):
        assert way in message
    assert "no connection" in message
    assert "\n" not in message
    assert len(message) < 350


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
        expected = {split: f"music/{name}" for split, name in zip(("train", "validation", "test"), NAMES, strict=True)}
        assert {s: p.relative_to(download_cache()).as_posix() for s, p in files.items()} == expected
        assert all(check_file(p, EXPECTED) is None for p in files.values())
        assert published.requests == 3


def test_a_damaged_file_of_the_cache_is_downloaded_again(published):
    path = domain_files(get_domain("music"))["test"]
    path.write_bytes(CONTENT[:HALF])
    assert domain_files(get_domain("music"))["test"].read_bytes() == CONTENT
    assert published.requests == 4


def test_nothing_is_downloaded_into_a_folder_that_the_user_named(published, tmp_path):
    (tmp_path / "mine" / "music").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"music/train\.txt: is missing; put the official file there"):
        domain_files(get_domain("music"), tmp_path / "mine")
    assert published.requests == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-100], r"has 389,900 bytes, the official file 390,000"),
        (WRONG, "has the official size but other content"),
    ],
)
def test_a_damaged_file_in_a_named_folder_is_an_error_unless_verify_is_off(published, tmp_path, content, message):
    folder = tmp_path / "mine" / "music"
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(content if name == "dev.txt" else CONTENT)
    with pytest.raises(ValueError, match=rf"music/dev\.txt: {message}.*; get it again from https"):
        domain_files(get_domain("music"), tmp_path / "mine")
    assert domain_files(get_domain("music"), tmp_path / "mine", verify=False)["validation"] == folder / "dev.txt"
    assert published.requests == 0


def test_a_folder_with_the_three_files_themselves_serves_one_domain(published, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(CONTENT)
    assert domain_files(get_domain("music"), tmp_path)["train"] == tmp_path / "train.txt"


def test_a_named_folder_that_is_missing_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*none: no such folder; it should contain music/train\.txt"):
        domain_files(get_domain("music"), tmp_path / "none")
    monkeypatch.setenv("CROSSNER_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"CROSSNER_DATA_DIR=.*none: no such folder"):
        domain_files(get_domain("music"))


def test_an_own_domain_with_a_missing_file_says_which(legal):
    (legal / "dev.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"domain 'legal' needs the file\(s\) .*legal/dev\.txt$"):
        domain_files(get_domain(legal))


def test_the_sample_needs_neither_network_nor_folder():
    assert all(path.is_file() for path in domain_files(get_domain("sample_music")).values())


def test_official_files_are_as_published(official):
    assert {name: check_file(official / name, expected) for name, expected in FILES.items()} == dict.fromkeys(FILES)
