"""Gives mutants to the readers: each must end in a result, or in one sentence with the place, in bounded time."""

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from fuzz.mutators import mutant
from fuzz.targets import Target

from crossner_hf.cli import LONGEST, _is_users, one_line

SECONDS = 10  # of processor time, for one mutant


class TooSlow(BaseException):
    """The reader needs more than SECONDS."""


def shared_out(targets: dict[str, Target], total: int) -> Iterator[tuple[str, int]]:
    """Yield target and number of `total` mutants, every target from its first one on."""
    shares = sum(target.share for target in targets.values())
    begun = 0.0
    for name, target in targets.items():
        begun, before = begun + total * target.share / shares, begun
        yield from ((name, number) for number in range(round(begun) - round(before)))


def mutant_of(name: str, target: Target, seed: int, number: int) -> bytes:
    """The mutant of that number."""
    return mutant(target.sound, Random(f"{seed}/{name}/{number}"), target.file.name)


def problem_with(target: Target, content: bytes) -> str | None:
    """What is wrong with the way in which a reader takes this content; None if nothing is."""
    sound = target.sound
    target.file.write_bytes(content)
    try:
        with _time_limit():
            target.read(target.file)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # panics of Rust are no Exception
        return _complaint(error, (str(target.file), str(target.file.parent), *target.places))
    finally:
        target.file.write_bytes(sound)
    return None


def _complaint(error: BaseException, places: tuple[str, ...]) -> str | None:
    if isinstance(error, TooSlow | MemoryError) or not _is_users(error):
        return "".join(traceback.format_exception(error))
    message = one_line(error)
    if not any(place in message for place in places):
        return "names no place: " + "".join(traceback.format_exception(error))
    return None if len(message) <= LONGEST else f"is no sentence: {message}"


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
