"""The three files of a domain; missing official files are downloaded, checked, and only then given their name."""

import os
import tempfile
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

WAITS = (1.0, 3.0, 7.0)  # seconds before each new attempt
TIMEOUT = 20.0  # seconds without a byte


def domain_files(domain: Domain, data_dir: str | Path | None = None, *, verify: bool = True) -> dict[str, Path]:
    """Find the file of each split of a domain.

    Args:
        domain: The domain.
        data_dir: The folder with `music/train.txt` and so on; by default the one that CROSSNER_DATA_DIR names. Without
            either, official files are downloaded once and kept under HF_HOME.
        verify: Whether official files must have their published size and checksum.

    Returns:
        Path by split: train, validation, test.

    Raises:
        FileNotFoundError: A file or the folder is missing.
        ValueError: An official file is truncated or changed.
        ConnectionError: A download failed.
    """
    folder = domain_folder(domain, data_dir)
    files = {split: folder / name for split, name in FILE_NAMES.items()}
    if not is_official(domain):
        missing = [str(path) for path in files.values() if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"domain {domain.name!r} needs the file(s) {', '.join(missing)}")
        return files
    if folder.parent == download_cache():
        _download_missing(official_name(domain), list(files.values()))
    for path in files.values():
        problem = check_file(path, FILES[f"{official_name(domain)}/{path.name}"])
        if problem == "is missing":
            raise FileNotFoundError(
                f"{path}: is missing; put the official file there ({BASE_URL}/{official_name(domain)}/), or name "
                f"another folder with data_dir= or {DATA_DIR_VARIABLE} (now {data_root(data_dir)}), or unset it to "
                "download"
            )
        if problem and verify:
            raise ValueError(
                f"{path}: {problem}; get it again from {REPOSITORY}, or pass verify=False (--no_verify) to use a "
                "changed file: its scores are then not CrossNER scores"
            )
    return files


def _download_missing(domain_name: str, paths: list[Path]) -> None:
    """Download those of a domain's files that are missing or damaged, with a progress bar."""
    from tqdm.auto import tqdm

    expected = {path: FILES[f"{domain_name}/{path.name}"] for path in paths}
    missing = [path for path in paths if check_file(path, expected[path])]
    for path in tqdm(missing, f"downloading {domain_name}", unit="file", leave=False, disable=not missing):
        download(f"{BASE_URL}/{domain_name}/{path.name}", path, expected[path])


def download(url: str, path: Path, expected: SourceFile) -> None:
    """Download a file that must have a given size and checksum; a failed download leaves nothing behind.

    Raises ConnectionError after four failed attempts, or if the server does not have the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for wait in (*WAITS, None):
        problem, may_pass = _attempt(url, path, expected)
        if problem is None:
            return
        if wait is None or not may_pass:
            break
        time.sleep(wait)
    raise ConnectionError(
        f"could not download {url} ({problem}); without a network, copy ner_data/ of {REPOSITORY} from another machine "
        f"and name it with data_dir= or {DATA_DIR_VARIABLE}, or use the configuration sample_music"
    )


def _attempt(url: str, path: Path, expected: SourceFile) -> tuple[str | None, bool]:
    """What went wrong, None if nothing did, and whether another attempt may help."""
    import requests

    try:
        response = requests.get(url, timeout=TIMEOUT)
        response.raise_for_status()
    except requests.HTTPError as error:
        status = error.response.status_code
        return f"HTTP status {status}", status >= 500 or status in (408, 429)
    except requests.exceptions.ChunkedEncodingError:
        return "the connection was cut", True
    except requests.RequestException as error:
        return f"no connection: {type(error).__name__}", True
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # of this attempt alone, whatever other processes do
        temporary = Path(folder) / path.name
        temporary.write_bytes(response.content)
        problem = check_file(temporary, expected)
        if problem is None:
            os.replace(temporary, path)
    return problem, True
