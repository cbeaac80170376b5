"""Mutants of files: bytes, lines, and values of JSON, changed at random places that a seed fixes."""

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = 20_000  # more than Python and C recursion allow
# Inserted as they are into any file.
ODD_BYTES = (
    *(b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\r", b"\n", b"\n\n", b"\t", b" ", b"\x1b[2J", b"\x80"),
    *("\u2028\u00a0\u200b\ufffd\U000e0001".encode(), b'"', b"[", b"}", b"\\ud800", b"-", b"1e999", b"NaN", b"null"),
    *(b"9" * 5_000, b"[" * DEEP, b"a" * 70_000, b"&a *a", b"!!python/object:os.system", b"\\", b"#", b": ", b"|"),
)
# The text of JSON values, in the place of any value.
ODD_JSON = (
    *("null", "true", "0", "1", "-1", "3.5", "1e308", "1e999", "NaN", "-Infinity", "9" * 30, "9" * 5_000),
    *("2147483648", "9223372036854775808", "1000000000", '""', '"x"', '"\\ud800"', '"\\u0000"', '"\\u001b[2J"'),
    *('"../../etc"', '"' + "x" * 70_000 + '"', "[]", "{}", "[[]]", "[null]", '{"": null}', '{"a": {"b": [1]}}'),
    *("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP),
)
ODD_KEYS = ("", "x", "0", "\ud800", "a\nb", "\x1b[2J", "__class__")
MARK = "@here@"  # stands for an odd value until the rest has become text


def mutant(content: bytes, rng: Random, name: str = "") -> bytes:
    """Change a file's content at one to three places.

    Args:
        content: The content of a sound file.
        rng: What decides.
        name: The file's name; its ending says what it contains.
    """
    if name.endswith(".gz") and rng.random() < 0.6:
        return gzip.compress(mutant(gzip.decompress(content), rng), mtime=0)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice((_change_bytes, _change_lines, _change_json, _change_json))
        if name.endswith(".safetensors"):
            change = rng.choice((_change_bytes, _change_header))
        content = change(content, rng)
    return content


def _change_bytes(content: bytes, rng: Random) -> bytes:
    start, end = sorted(rng.randint(0, len(content)) for _ in range(2))
    end = rng.choice((end, min(end, start + 3)))
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: content[:start],
        lambda: content[start:],
        lambda: content[:start] + content[end:],
        lambda: content[:end] + content[start:],
        lambda: content[:start] + bytes([rng.randrange(256)]) + content[start + 1 :],
        lambda: content[:start] + bytes(byte ^ 1 << rng.randrange(8) for byte in content[start:end]) + content[end:],
        lambda: content[:start] + rng.choice(ODD_BYTES) + content[start:],
        lambda: content[:start] + rng.choice(ODD_BYTES) + content[start:],
        lambda: rng.choice((b"", *ODD_BYTES)),
    )
    return rng.choices(changes, (4, 1, 4, 4, 8, 8, 8, 8, 1))[0]()


def _change_lines(content: bytes, rng: Random) -> bytes:
    lines = content.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    changes: tuple[Callable[[], list[bytes]], ...] = (
        lambda: lines[:at] + lines[at + 1 :],
        lambda: lines[:at] + lines[other : other + 1] + lines[at:],
        lambda: [*lines[:at], rng.choice(ODD_BYTES), *lines[at:]],
        lambda: [*lines[:at], b" ".join(lines[at : at + 2]), *lines[at + 2 :]],
        lambda: [line + b"\r" for line in lines],
        lambda: [*lines[:at], lines[at][::-1], *lines[at + 1 :]],
    )
    return b"\n".join(rng.choice(changes)())


def _change_json(content: bytes, rng: Random) -> bytes:
    """Change a value of JSON, or of one of JSON lines; other files get changed bytes."""
    lines = [content] if content.startswith(b"{\n") else content.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
        assert isinstance(value, dict | list)
        lines[at] = _changed_value(value, rng).encode()
    except (ValueError, RecursionError, AssertionError):
        return _change_bytes(content, rng)
    return b"\n".join(lines)


def _changed_value(value: Any, rng: Random) -> str:
    """The text of JSON in which one value, one key or one item is another."""
    parent = value
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        if not keys:
            break
        key = rng.choice(keys)
        if isinstance(parent[key], dict | list) and rng.random() < 0.7:
            parent = parent[key]
            continue
        change = rng.choice(("odd", "odd", "odd", "odd", "delete", "wrap", "text", "other place"))
        if change == "delete":
            del parent[key]
        elif change == "other place" and isinstance(parent, list):
            parent.insert(rng.randrange(len(parent) + 1), parent[key])
        elif change == "other place":
            parent[rng.choice((*keys, *ODD_KEYS))] = parent.pop(key)
        else:
            parent[key] = {"odd": MARK, "wrap": [parent[key]], "text": json.dumps(parent[key])}[change]
        break
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).replace(f'"{MARK}"', rng.choice(ODD_JSON))


def _change_header(content: bytes, rng: Random) -> bytes:
    """Change the JSON at the beginning of a safetensors file, and the number of its bytes before it."""
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        header = _changed_value(json.loads(content[8:end]), rng).encode()
    except (ValueError, RecursionError, OverflowError, MemoryError):
        return _change_bytes(content, rng)
    return len(header).to_bytes(8, "little") + header + content[end:]
