"""Wait for something that may never come, and not for longer than one is willing to."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
_LOOK_S = 0.2  # how soon Ctrl-C is heard where a waiting thread hears nothing (Windows), and a thread that was given up sees it
_AHEAD = 8


def in_time(make: Callable[[], Iterator[T]], deadline: float) -> Iterator[T]:
    """Yield what another thread makes, until a moment.

    A server can keep a line alive for ever, a letter of a header at a time: no limit between two letters ends that. What is given up runs out
    in a thread that nobody waits for, and what it still makes is thrown away.

    Parameters
    ----------
    make
        Called in the other thread; writes nothing that outlives it.
    deadline
        Of ``time.monotonic()``.

    Raises
    ------
    TimeoutError
        The moment has come first.
    """
    made: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(_AHEAD)
    given_up = threading.Event()

    def put(more: bool, value: T | BaseException | None) -> None:
        while not given_up.is_set():
            try:
                made.put((more, value), timeout=_LOOK_S)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for value in make():
                put(True, value)
                if given_up.is_set():
                    return
        except BaseException as error:
            put(False, error)
        else:
            put(False, None)

    threading.Thread(target=work, daemon=True, name="spatial fetch").start()
    try:
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            try:
                more, value = made.get(timeout=min(left_s, _LOOK_S))
            except queue.Empty:
                continue
            if more:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                try:
                    raise value
                finally:
                    del value  # else it would hold this frame, and this frame it, with the open line inside
            else:
                return
    finally:
        given_up.set()
