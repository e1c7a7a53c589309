"""What the watermark says, as the chips of its tile, and back: Reed-Solomon outside, a convolutional code inside.

Eight bytes of payload become twelve by Reed-Solomon (the library reedsolo), these 96 bits become 848 by a
convolutional code of rate 1/8, and each of them decides the sign of one chip of a 32 x 32 tile. The other 176 chips are
the same in every mark: by them a detector finds the tile. The receiver turns the soft values of the 848 chips into 96
bits by Viterbi's algorithm ("Error bounds for convolutional codes and an asymptotically optimum decoding algorithm",
1967) and asks Reed-Solomon, which may mend one byte and has to agree with the rest: chance passes once in 10^6 tries,
and once in 10^11 with the payload's fixed bits.
"""

import hashlib
import struct
import zlib
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from reedsolo import ReedSolomonError, RSCodec

TILE = 32
"""Chips along each side of the tile."""

VERSION = 1

MENDED = 1
"""Bytes that Reed-Solomon may mend in a message that counts."""

_PARITY = 4
_MESSAGE_BITS = 8 * (8 + _PARITY)
_MEMORY = 10
# Generators of the code, by trial: a wrong path differs in 56 of its chips or more.
_GENERATORS = (1479, 1257, 1279, 1579, 1271, 1101, 1449, 1471)
_STEPS = _MESSAGE_BITS + _MEMORY
_CODED = _STEPS * len(_GENERATORS)


class Payload(NamedTuple):
    """64 bits: the format's version (4), the consent record's short id (32), the day (16), twelve zeros."""

    record: int
    """First 32 bits of the SHA-256 of the consent record's id; 0 where no identity is shown."""
    day: int
    """Days since 2020-01-01, UTC; 0..65535."""

    def to_bytes(self) -> bytes:
        """The eight bytes. Raises struct.error for a record or a day out of its range."""
        return struct.pack(">BIHB", VERSION << 4, self.record, self.day, 0)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """The payload in eight bytes; None where they are not of this version."""
        first, record, day, last = struct.unpack(">BIHB", data)
        return cls(record, day) if first == VERSION << 4 and last == 0 else None


@lru_cache(maxsize=8)
def tile(payload: Payload) -> np.ndarray:
    """float32 (TILE, TILE) of -1 and +1: the chips of this payload's mark; read only.

    Every payload's tile begins at another place, so that a second mark over a first one does not fall on its chips.
    """
    sync, coded, scramble = _layout()
    word = bytes(RSCodec(_PARITY).encode(payload.to_bytes()))
    chips = np.empty(TILE * TILE, np.float32)
    chips[sync] = scramble[sync]
    chips[coded] = _encode(np.unpackbits(np.frombuffer(word, np.uint8))) * scramble[coded]
    place = zlib.crc32(payload.to_bytes())
    shifted = np.roll(chips.reshape(TILE, TILE), (place % TILE, place // TILE % TILE), (0, 1))
    shifted.flags.writeable = False
    return shifted


@lru_cache(maxsize=1)
def sync_tile() -> np.ndarray:
    """float32 (TILE, TILE): the chips that every mark has, -1 and +1, and 0 in the places of the others; read only."""
    sync, _, scramble = _layout()
    chips = np.zeros(TILE * TILE, np.float32)
    chips[sync] = scramble[sync]
    chips.flags.writeable = False
    return chips.reshape(TILE, TILE)


def read(soft: np.ndarray) -> Payload | None:
    """The payload in float (TILE, TILE) soft chips, which begin where the sync chips do; None where there is none."""
    data, mended = read_bytes(soft)
    return Payload.from_bytes(data) if data is not None and mended <= MENDED else None


def read_bytes(soft: np.ndarray) -> tuple[bytes | None, int]:
    """The eight bytes nearest to the soft chips, None where there are none, and how many bytes Reed-Solomon mended."""
    _, coded, scramble = _layout()
    word = np.packbits(_decode(soft.ravel()[coded] * scramble[coded])).tobytes()
    try:
        message, _, mended = RSCodec(_PARITY).decode(word)
    except ReedSolomonError:
        return None, 0
    return bytes(message), len(mended)


@lru_cache(maxsize=1)
def _layout() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the sync chips and of the coded ones in the flat tile, and the signs that make both look like noise.

    Drawn by SHAKE-256: the same for ever, whatever a library's generator does.
    """
    words = np.frombuffer(hashlib.shake_256(b"obs-deepfake watermark 1").digest(TILE * TILE * 8), ">u8")
    order = np.argsort(words, kind="stable")
    signs = np.where(words & 1, np.float32(1), np.float32(-1))
    return order[_CODED:], order[:_CODED], signs


def _encode(bits: np.ndarray) -> np.ndarray:
    """float32 (_CODED,) of +1 (zero) and -1 (one)."""
    padded = np.concatenate([np.zeros(_MEMORY, np.int64), bits, np.zeros(_MEMORY, np.int64)])
    registers = np.zeros(_STEPS, np.int64)
    for age in range(_MEMORY + 1):
        registers |= padded[_MEMORY - age : _MEMORY - age + _STEPS] << age
    return _outputs(registers).ravel()


def _outputs(registers: np.ndarray) -> np.ndarray:
    """float32 (..., generators): the signs that these registers send."""
    taps = registers[..., None] & np.array(_GENERATORS)
    for half in (8, 4, 2, 1):
        taps ^= taps >> half
    return np.where(taps & 1, np.float32(-1), np.float32(1))


@lru_cache(maxsize=1)
def _trellis() -> tuple[np.ndarray, np.ndarray]:
    """Both predecessors (2, states) of every state, and the signs (2, states, generators) sent on the way from them."""
    states = np.arange(1 << _MEMORY)
    before = np.stack([states >> 1, states >> 1 | 1 << (_MEMORY - 1)])
    return before, _outputs(before << 1 | states & 1)


def _decode(soft: np.ndarray) -> np.ndarray:
    """uint8 (_MESSAGE_BITS,): the most likely bits behind float (_CODED,) soft signs."""
    before, signs = _trellis()
    received = soft.reshape(_STEPS, len(_GENERATORS)).astype(np.float32)
    score = np.full(1 << _MEMORY, -np.inf, np.float32)
    score[0] = 0
    came = np.empty((_STEPS, score.size), bool)
    for step in range(_STEPS):
        low, high = score[before] + signs @ received[step]
        came[step] = high > low
        score = np.maximum(low, high)
    bits = np.empty(_STEPS, np.uint8)
    state = 0
    for step in reversed(range(_STEPS)):
        bits[step] = state & 1
        state = before[int(came[step, state]), state]
    return bits[:_MESSAGE_BITS]
