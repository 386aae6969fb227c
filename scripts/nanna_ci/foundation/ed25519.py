"""Ed25519 signatures, verified (RFC 8032), as strictly as libsodium does; nothing is ever signed here.

A signature R, S of a message by the key A holds where R = S·B + k·(-A), k being the hash of R, A and the message. Both
products are sums of entries from tables of multiples, of B and of -A: a signature costs 86 additions of points and no
doubling. Nobody can measure what `is_secret_key` does with a secret, so nothing needs to take constant time.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493  # the order of the base point
_D: Final = -121665 * pow(121666, -1, _P) % _P
_D2: Final = 2 * _D % _P
_SQRT_OF_MINUS_ONE: Final = pow(2, (_P - 1) // 4, _P)
_SIGN: Final = 1 << 255

_BITS: Final = 6  # of a scalar, for one addition: 86 additions a signature, and tables that take milliseconds to make
_HALF: Final = 1 << (_BITS - 1)
_WINDOWS: Final = 254 // _BITS + 1  # scalars are below 2^253, and the recoding carries one bit

# The eight points whose eightfold is zero: (0, 1), (0, -1), two with y = 0 and four of order 8.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        f"01{'00' * 31}",
        f"ec{'ff' * 30}7f",
        f"00{'00' * 31}",
        f"00{'00' * 30}80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)

_Point = tuple[int, int, int, int]  # X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z
_Entry = tuple[int, int, int]  # of an affine point: y + x, y - x, 2dxy
_IDENTITY: Final[_Point] = (0, 1, 1, 0)


class VerifyingKey:
    """A public key of 32 bytes.

    Raises:
        ValueError: it is not a point of the curve, is not encoded in the one right way, or has a small order.
    """

    def __init__(self, key: bytes) -> None:
        point = _decode(key)
        if point is None:
            raise ValueError("not a point of the curve")
        if key in _SMALL_ORDER:
            raise ValueError("a point of small order, for which anyone can sign")
        self._key = key
        self._negated: _Point = (-point[0] % _P, point[1], 1, -point[3] % _P)
        self._table: tuple[tuple[_Entry, ...], ...] | None = None

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the key's owner signed the message. The first call makes tables, which takes some milliseconds."""
        if len(signature) != 64:
            return False
        encoded, scalar = signature[:32], int.from_bytes(signature[32:], "little")
        if scalar >= _L or encoded in _SMALL_ORDER:
            return False
        if self._table is None:
            self._table = _make_table(self._negated)
        k = int.from_bytes(hashlib.sha512(encoded + self._key + message).digest(), "little") % _L
        return _encode(_sum(_digits(scalar, _base_table()), _digits(k, self._table))) == encoded


def is_secret_key(data: bytes) -> bool:
    """Whether 64 bytes are a secret key as Nix and libsodium keep it, a seed and its public key: no signature is."""
    seed, public = data[:32], data[32:]
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & ~7 & (_SIGN >> 1) - 1 | _SIGN >> 1
    return len(data) == 64 and _encode(_sum(_digits(scalar % _L, _base_table()))) == public


def _decode(encoded: bytes) -> _Point | None:
    """The point that 32 bytes encode; None if there is none, or if they are not its canonical encoding."""
    number = int.from_bytes(encoded, "little")
    y, is_odd = number & ~_SIGN, bool(number & _SIGN)
    if len(encoded) != 32 or y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P  # -1/d is not a square: never a division by zero
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _SQRT_OF_MINUS_ONE % _P
    if x * x % _P != square or (x == 0 and is_odd):
        return None
    if x & 1 != is_odd:
        x = _P - x
    return x, y, 1, x * y % _P


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")


def _add(first: _Point, second: _Point) -> _Point:
    """The sum of any two points: the formula is complete (Hisil, Wong, Carter, Dawson 2008)."""
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = t1 * _D2 % _P * t2 % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum(*parts: Iterable[_Entry]) -> _Point:
    """The sum of table entries: `_add` with a second point whose Z is 1, written out, for here the time goes."""
    p, low, (x, y, z, t) = _P, _SIGN - 1, _IDENTITY
    for part in parts:
        for plus, minus, product in part:
            a = (y - x) * minus
            b = (y + x) * plus
            c = t * product
            a = (a & low) + 19 * (a >> 255)  # 2^255 is 19: not the least remainder, but small and quick
            b = (b & low) + 19 * (b >> 255)
            c = (c & low) + 19 * (c >> 255)
            d = z + z
            e = b - a
            f = d - c
            g = d + c
            h = b + a
            x = e * f % p
            y = g * h % p
            z = f * g % p
            t = e * h % p
    return x, y, z, t


def _digits(scalar: int, table: tuple[tuple[_Entry, ...], ...]) -> Iterator[_Entry]:
    """The entries whose sum is scalar times point: digits from -32 to 31, each from its own window of the table."""
    for window in table:
        digit = scalar & (2 * _HALF - 1)
        scalar >>= _BITS
        if digit < _HALF:
            if digit:
                yield window[digit - 1]
        else:
            scalar += 1
            plus, minus, product = window[2 * _HALF - digit - 1]
            yield minus, plus, -product


def _make_table(point: _Point) -> tuple[tuple[_Entry, ...], ...]:
    """For every window w and digit d from 1 to 32: d * 2^(6w) times the point."""
    multiples: list[_Point] = []
    for _ in range(_WINDOWS):
        multiple = point
        for _ in range(_HALF - 1):
            multiples.append(multiple)
            multiple = _add(multiple, point)
        multiples.append(multiple)
        point = _add(multiple, multiple)
    entries = list(_entries(multiples))
    return tuple(tuple(entries[start : start + _HALF]) for start in range(0, len(entries), _HALF))


def _entries(points: list[_Point]) -> Iterator[_Entry]:
    """The points as table entries; one inversion for all (Montgomery's trick)."""
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % _P)
    inverse = pow(products[-1], -1, _P)
    inverses = []
    for point, before in zip(reversed(points), reversed(products[:-1]), strict=True):
        inverses.append(inverse * before % _P)
        inverse = inverse * point[2] % _P
    for (x, y, _, _), of_z in zip(points, reversed(inverses), strict=True):
        affine_x, affine_y = x * of_z % _P, y * of_z % _P
        yield (affine_y + affine_x) % _P, (affine_y - affine_x) % _P, affine_x * affine_y % _P * _D2 % _P


@functools.cache
def _base_table() -> tuple[tuple[_Entry, ...], ...]:
    base = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert base is not None
    return _make_table(base)
