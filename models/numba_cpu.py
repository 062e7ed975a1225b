"""The compiler settings for Numba on a CPU.

Numba's disk cache notices changes of the file that defines a function, not of functions called from other files, nor
of the options here. So a compiled function calls only functions of its own file and sets its options there. The called
functions are inlined (`inline="always"`): without that they exist twice, optimised alone and together with the caller,
and which one runs depends on whether the caller was just compiled or read from the disk cache. With `fastmath` the two
round differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiler(*, fastmath: bool | set[str], inline: Literal["never", "always"] = "never") -> Callable[[F], F]:
    """A decorator that compiles without the interpreter lock; cached on disk where a folder can be written.

    Args:
        fastmath: which liberties arithmetic may take, as Numba names them.
        inline: whether the function becomes a part of each compiled one that calls it.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy", "inline": inline}

    def compile_(function: F) -> F:
        try:
            return cast(F, numba.njit(cache=True, **options)(function))
        except RuntimeError:  # no folder for the cache: compile in every process instead
            return cast(F, numba.njit(**options)(function))

    return compile_
