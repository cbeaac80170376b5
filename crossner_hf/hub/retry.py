"""Calls to the Hub that wait where that helps, and end in one sentence on what to do where it does not."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from huggingface_hub import get_token
from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from crossner_hf.results.environment import TOKEN

WAITS = (1, 2, 4, 8, 16)  # seconds before each new try
LONGEST_WAIT = 600  # seconds; where the Hub asks for more, the user is told instead
SENT = "run the same again, what is there already is not sent or committed twice"
TO_DO: dict[int | None, str] = {
    401: "log in with `hf auth login` or set HF_TOKEN, with a token that may write",
    403: "this account may not write there; push to a repository of your own, or open a pull request (--create-pr)",
    404: "there is no such repository or branch, or this account cannot see it",
    409: "somebody else commits to it at the same time; run the same again",
    412: "it was changed while this push was under way, and nothing was committed; look at it, then run the same again",
}
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


def ask(call: Callable[[], _Result], repo: str) -> _Result:
    """Call until it works, waiting where that can help.

    Raises ValueError for what the user has to change, ConnectionError where trying again later is all there is to do;
    both with one sentence that names `repo` and never holds the token.
    """
    for wait in (*WAITS, None):
        try:
            return call()
        except OfflineModeIsEnabled:
            raise ValueError("HF_HUB_OFFLINE is set, so nothing can be pushed; unset it") from None
        except LocalTokenNotFoundError:
            raise ValueError(f"{repo}: no token is set: {TO_DO[401]}") from None
        except (HTTPError, ConnectionError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, RuntimeError) else error  # the client wraps those of uploads
            if not isinstance(cause, (HTTPError, ConnectionError)):
                raise ConnectionError(_without_token(f"{repo}: {error}; {SENT}")) from None
            response = getattr(cause, "response", None)
            status = response.status_code if response is not None else None
            asked = _retry_after(response)
            if wait is None or not _passes(status) or asked > LONGEST_WAIT:
                kind = ConnectionError if _passes(status) else ValueError
                raise kind(_without_token(_sentence(cause, status, repo, asked))) from None
            _log.warning("%s; trying again in %d s", _without_token(_said(cause, status)), max(asked, wait))
            time.sleep(max(asked, wait))
    raise AssertionError("unreachable")


def _passes(status: int | None) -> bool:
    """Whether it may go away by itself: no answer at all, two commits at once, too many requests, their trouble."""
    return status is None or status in (408, 409, 429) or status >= 500


def _retry_after(response) -> int:
    value = response.headers.get("Retry-After", "") if response is not None else ""
    return int(value) if value.isdigit() else 0


def _said(error: BaseException, status: int | None) -> str:
    if status is None:
        return f"the Hub cannot be reached ({error or type(error).__name__})"
    message = getattr(error, "server_message", None)
    return f"the Hub answers {status}" + (f" ({message})" if message else "")


def _sentence(error: BaseException, status: int | None, repo: str, asked: int) -> str:
    if status == 429 and asked:
        return f"{repo}: too many requests; the Hub asks to come back in {asked} s"
    if status is None:
        return f"{repo}: {_said(error, status)}: whether the commit arrived is not known; {SENT}"
    default = f"nothing was committed; {SENT}" if _passes(status) else "nothing was committed"
    return f"{repo}: {_said(error, status)}: {TO_DO.get(status, default)}"


def _without_token(text: str) -> str:
    """What a server or library says back may quote the token."""
    token = get_token()
    text = text.replace(token, "…") if token else text
    return TOKEN.sub("…", " ".join(text.split()))
