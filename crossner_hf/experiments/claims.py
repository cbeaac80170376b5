"""Claims of processes on the runs of a shared folder: leases that a dead process cannot keep, and begun attempts."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from filelock import SoftFileLease, Timeout

from crossner_hf.atomic_write import write_text

LEASE_SECONDS = 90.0  # without a sign of life, after which another machine takes a run over; the beat is a third of it


class Claims:
    """The claims that this process makes in a folder. `seconds` must be the same for all processes of the folder.

    A claim is a file made exclusively and touched three times within `seconds`. Another process takes it over when its
    owner is dead (seen at once on one machine) or when it saw no touch for `seconds` of its own clock, so the clocks of
    machines need not agree. Expiry is seen by looking again and again, with the same object.
    """

    def __init__(self, folder: Path, seconds: float = LEASE_SECONDS):
        self.folder, self.seconds = folder, seconds
        self._leases: dict[str, SoftFileLease] = {}
        self._lost: dict[str, Event] = {}
        self._seen: dict[str, tuple[tuple, float]] = {}

    @contextmanager
    def held(self, name: str) -> Iterator[Event | None]:
        """Claim `name` for the length of the block. Gives None where another process has it.

        Else gives an event, set if the claim is lost meanwhile: the block must then stop and leave its files alone.
        """
        lost = self._lost[name] = Event()
        if not self._take(name):
            yield None
            return
        try:
            yield lost
        finally:
            self._leases[name].release()

    def _take(self, name: str) -> bool:
        path = self.folder / f"{name}.lease"
        if name not in self._leases:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._leases[name] = SoftFileLease(
                path,
                lease_duration=self.seconds,
                on_compromise=lambda _: self._lost[name].set(),
                thread_local=False,
            )
        for _ in range(2):
            try:
                self._leases[name].acquire(timeout=0)
                return True
            except Timeout:
                if not self._set_aside(name, path):
                    return False
        return False

    def _set_aside(self, name: str, path: Path) -> bool:
        """Move an expired claim out of the way where the file system has no exchange of two names, as NFS has none.

        There `SoftFileLease` waits for ever. Twice the time is waited, so that elsewhere it comes first.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY)  # opening makes NFS ask the server
        except FileNotFoundError:
            return True
        try:
            found = os.fstat(descriptor)
            key = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
            if name not in self._seen or self._seen[name][0] != key:
                self._seen[name] = key, time.monotonic()
            if time.monotonic() - self._seen[name][1] < 2 * self.seconds:
                return False
            aside = path.with_name(f"{path.name}.expired.{secrets.token_hex(8)}")
            with suppress(FileNotFoundError):
                os.rename(path, aside)
                if os.stat(aside).st_ino != found.st_ino:  # another process was quicker, and this is its claim
                    with suppress(FileExistsError):
                        os.link(aside, path)
                aside.unlink()
            return True
        finally:
            os.close(descriptor)

    def count_attempt(self, name: str, progress: int) -> int:
        """Note that an attempt begins; how many have now begun with none of them ending, or getting beyond `progress`.

        progress: a number that grows with what is saved of the run, such as the step of its last checkpoint
        """
        path = self._attempts(name)
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            begun = before["begun"] + 1 if progress <= before["progress"] else 1
        except (OSError, ValueError, KeyError, TypeError):
            begun = 1
        write_text(path, json.dumps({"begun": begun, "progress": progress}) + "\n")
        return begun

    def end_attempts(self, name: str) -> None:
        """Note that an attempt came to an end of whatever kind; what was begun before is forgotten."""
        self._attempts(name).unlink(missing_ok=True)

    def _attempts(self, name: str) -> Path:
        return self.folder / f"{name}.begun.json"

    def at_work(self) -> int:
        """How many claims there are: those of this process, of others, and of dead ones that nobody took over yet."""
        return sum(1 for _ in self.folder.glob("*.lease"))
