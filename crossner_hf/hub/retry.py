"""Calls to the Hub that are repeated where that may help; errors say in one sentence what to do.

The client itself repeats uploads of files, but neither commits nor calls that read or create a repository.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from huggingface_hub import get_token
from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from crossner_hf.results.environment import TOKEN

WAITS = (1, 2, 4, 8, 16)  # seconds before each new attempt
LONGEST_WAIT = 600  # seconds; a longer wait that the Hub asks for is left to the user
AGAIN = "run the same command again, nothing is sent or committed twice"
ADVICE: dict[int, str] = {
    401: "log in with `hf auth login` or set HF_TOKEN, with a token that may write",
    403: "this account may not write there; push to a repository of your own, or open a pull request (--create-pr)",
    404: "there is no such repository or branch, or this account cannot see it",
    409: "somebody else commits to it at the same time; run the same command again",
    412: "it changed during this push, and nothing was committed; look at it, then run the same command again",
}
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


def with_retries(call: Callable[[], _Result], repo: str) -> _Result:
    """Repeat a call to the Hub, which must be safe to repeat, as long as another attempt may help.

    Raises ValueError if the user has to change something, ConnectionError if the same may work later. No message of
    either contains the token.
    """
    for wait in (*WAITS, None):
        try:
            return call()
        except OfflineModeIsEnabled:
            raise ValueError("HF_HUB_OFFLINE is set, so nothing can be pushed; unset it") from None
        except LocalTokenNotFoundError:
            raise ValueError(f"{repo}: no token is set: {ADVICE[401]}") from None
        except (HTTPError, ConnectionError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, RuntimeError) else error  # the client wraps those of uploads
            if not isinstance(cause, (HTTPError, ConnectionError)):
                raise ConnectionError(_without_token(f"{repo}: {error}; {AGAIN}")) from None
            response = getattr(cause, "response", None)
            status = response.status_code if response is not None else None
            retry_after = response.headers.get("Retry-After", "") if response is not None else ""
            delay = max(wait or 0, int(retry_after) if retry_after.isdigit() else 0)
            may_pass = status is None or status in (408, 409, 429) or status >= 500
            if wait is None or not may_pass or delay > LONGEST_WAIT:
                kind = ConnectionError if may_pass else ValueError
                raise kind(_without_token(f"{repo}: {_describe(cause, status)}: {_advice(status, delay)}")) from None
            _log.warning("%s; trying again in %d s", _without_token(_describe(cause, status)), delay)
            time.sleep(delay)
    raise AssertionError("unreachable")


def _describe(error: BaseException, status: int | None) -> str:
    if status is None:
        return f"the Hub cannot be reached ({error or type(error).__name__})"
    message = getattr(error, "server_message", None)
    return f"the Hub answers {status}" + (f" ({message})" if message else "")


def _advice(status: int | None, delay: int) -> str:
    if status is None:
        return f"the commit may have arrived; {AGAIN}"
    if status == 429 and delay:
        return f"too many requests; come back in {delay} s"
    return ADVICE.get(status, f"nothing was committed; {AGAIN}" if status >= 500 else "nothing was committed")


def _without_token(text: str) -> str:
    """The text on one line; what a server or library says may quote the token."""
    token = get_token()
    text = text.replace(token, "…") if token else text
    return TOKEN.sub("…", " ".join(text.split()))
