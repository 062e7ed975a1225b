"""Damaged bytes and retyped JSON values."""

import copy

ODD = (None, 7, -1, 1e308, "x", [], [[]], {}, {"x": None}, True, 10**12)
"""Values that take the place of others."""


def damaged_bytes(content):
    """Truncated, flipped, lengthened and foreign contents."""
    yield from (b"", b"\0" * 100, b"[]", content + b"x", content[::-1])
    yield from (content[: len(content) * part // 8] for part in range(1, 8))
    for part in range(16):
        flipped = bytearray(content)
        flipped[(len(content) - 1) * part // 15] ^= 1 << part % 8
        yield bytes(flipped)


def retyped(values, depth=2):
    """Copies of JSON values in each of which one entry is deleted, or has another type or size."""
    keys = list(values) if isinstance(values, dict) else [0] if isinstance(values, list) and values else []
    for number, key in enumerate(keys):
        for odd in ODD if depth == 2 else (ODD[number % len(ODD)], ODD[(3 * number + 1) % len(ODD)]):
            changed = copy.copy(values)
            changed[key] = odd
            yield changed
        changed = copy.copy(values)
        del changed[key]
        yield changed
        if depth:
            for inner in retyped(values[key], depth - 1):
                changed = copy.copy(values)
                changed[key] = inner
                yield changed
