"""Download of the official files: written aside, checked, renamed; retried and resumed; with a progress bar."""

import os
import time
from pathlib import Path

from crossner_hf.data.sources import (
    BASE_URL,
    DATA_DIR_VARIABLE,
    FILE_NAMES,
    FILES,
    REPOSITORY,
    SourceFile,
    check_file,
    data_root,
    domain_folder,
    download_cache,
    is_official,
    official_name,
)
from crossner_hf.schema import Domain

ATTEMPTS = 4
BACKOFF = 1.0  # seconds before the second attempt; then 3 and 7 times as long
CHUNK = 1 << 12  # bytes; a chunk that the connection does not live to complete is lost
TIMEOUT = 20.0  # seconds without a byte


def domain_files(domain: Domain, data_dir: str | Path | None = None, *, verify: bool = True) -> dict[str, Path]:
    """The file of each split: split name to path. Missing official files are downloaded where no folder was named.

    verify: hold official files to their published size and checksum. Raises FileNotFoundError for a missing file
    and ValueError for a truncated or changed one, both with what to do.
    """
    folder = domain_folder(domain, data_dir)
    files = {split: folder / name for split, name in FILE_NAMES.items()}
    if not is_official(domain):
        missing = [str(path) for path in files.values() if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"domain {domain.name!r} needs the file(s) {', '.join(missing)}")
        return files
    for path in files.values():
        name = f"{official_name(domain)}/{path.name}"
        expected = FILES[name]
        if folder.parent == download_cache() and check_file(path, expected):
            download(f"{BASE_URL}/{name}", path, expected)
        wrong = check_file(path, expected) if verify or not path.is_file() else None
        if wrong == "is missing":
            raise FileNotFoundError(f"{path}: is missing; {_ways(domain, data_root(data_dir))}")
        if wrong:
            raise ValueError(
                f"{path}: {wrong}; take it again from {REPOSITORY}, or pass verify=False "
                "(--no_verify) to use a changed file: its scores are then no CrossNER scores"
            )
    return files


def _ways(domain: Domain, root: Path) -> str:
    return (
        f"put the official file there ({BASE_URL}/{official_name(domain)}/), or name another folder with data_dir= or "
        f"{DATA_DIR_VARIABLE} (now {root}), or unset it to download"
    )


def download(url: str, path: Path, expected: SourceFile) -> None:
    """Bring `url` to `path`, complete and checked, or leave nothing there but the part to resume from.

    Processes that want the same file wait for the first. Raises ConnectionError with the other ways to the data.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with FileLock(path.with_name(path.name + ".lock")):
        if check_file(path, expected) is None:
            return
        for attempt in range(ATTEMPTS):
            time.sleep(BACKOFF * (2**attempt - 1))
            wrong, again = _try(url, part, expected)
            if not wrong:
                os.replace(part, path)
                return
            if not again:
                break
    raise ConnectionError(
        f"could not download {url} ({wrong}); with no network, take ner_data/ of {REPOSITORY} from a machine "
        f"that has one and name it with data_dir= or {DATA_DIR_VARIABLE}, or use the configuration sample_music"
    )


def _try(url: str, part: Path, expected: SourceFile) -> tuple[str | None, bool]:
    """What went wrong, if anything, and whether it may go better another time."""
    import requests

    try:
        _fetch(url, part, expected)
    except requests.HTTPError as error:
        status = error.response.status_code
        return f"HTTP status {status}", status >= 500 or status in (408, 429)
    except requests.exceptions.ChunkedEncodingError:
        return "the connection was cut", True
    except requests.RequestException as error:
        return f"no connection: {type(error).__name__}", True
    wrong = check_file(part, expected)
    if wrong:
        part.unlink()  # complete but wrong: start anew
    return wrong, True


def _fetch(url: str, part: Path, expected: SourceFile) -> None:
    """Append what is missing of `url` to `part`. A server that cannot resume sends all of it again."""
    import requests
    from tqdm.auto import tqdm

    have = part.stat().st_size if part.is_file() else 0
    if have >= expected.size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"}  # a range of compressed bytes could not be appended
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        if response.status_code != 206:
            have = 0
        name = "/".join(part.with_suffix("").parts[-2:])
        bar = tqdm(total=expected.size, initial=have, unit="B", unit_scale=True, desc=name, leave=False)
        with open(part, "ab" if have else "wb") as file, bar:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
