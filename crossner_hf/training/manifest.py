"""Manifests: the names, sizes and hashes of a folder's files, written last, so that damage is noticed."""

import json
import os
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.data.sources import sha256_of
from crossner_hf.json_file import read_json_object

MANIFEST_FILE = "manifest.json"


def settle_files(folder: Path) -> None:
    """Give the files of a folder the permissions that the umask asks for, then wait until the disk has them.

    safetensors writes files that no other account can read.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    for path in folder.iterdir():
        if path.is_file():
            if path.stat().st_mode & 0o777 != 0o666 & ~umask:  # another account's file may be right already
                path.chmod(0o666 & ~umask)
            _sync(path)
    _sync(folder)


def write_manifest(folder: Path) -> None:
    """Write the manifest of a folder, after its files are on the disk. From then on the folder counts as whole."""
    settle_files(folder)
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    manifest = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(files)
        if path.name != MANIFEST_FILE and path.suffix != ".broken"
    }
    write_text(folder / MANIFEST_FILE, json.dumps(manifest, indent=1) + "\n")
    for path in (folder / MANIFEST_FILE, folder, folder.parent):
        _sync(path)


def damage(folder: Path) -> str | None:
    """Compare a folder with its manifest; return what is wrong, as in "lacks config.json", or None."""
    try:
        files = read_json_object(folder / MANIFEST_FILE)
    except FileNotFoundError:
        return f"has no {MANIFEST_FILE}, so it was not written to its end"
    except ValueError:  # an OSError passes: what cannot be read now need not be damaged
        files = {}
    if not files or not all(map(_is_entry, files.values())):
        return f"has a damaged {MANIFEST_FILE}"
    return next(filter(None, (_file_damage(folder, name, **about) for name, about in files.items())), None)


def _is_entry(about: Any) -> bool:
    return isinstance(about, dict) and {key: type(value) for key, value in about.items()} == {
        "bytes": int,
        "sha256": str,
    }


def _file_damage(folder: Path, name: str, *, bytes: int, sha256: str) -> str | None:
    path = folder / name
    if name not in os.listdir(folder):  # no path that leads elsewhere, either
        return f"lacks {name}"
    if path.stat().st_size != bytes:
        return f"has {path.stat().st_size:,} of {bytes:,} bytes of {name}"
    return None if sha256_of(path) == sha256 else f"has a damaged {name} (other SHA-256)"


def _sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder; not every system can do this for a folder."""
    with suppress(OSError) if path.is_dir() else nullcontext():
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
