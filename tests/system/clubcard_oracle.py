# SPDX-License-Identifier: Apache-2.0
"""Reads and asks a clubcard, from docs/formats.md ("Filter") alone: nothing of it is the program's own code."""

import hashlib
import struct
from dataclasses import dataclass, field

WORDS = 4
ROW_MASK = (1 << 64 * WORDS) - 1


class BadFilter(Exception):
    """The octets are not a filter."""


class Octets:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise BadFilter(f"ends within {size} octets at {self.at}")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def column(self):
        """The words of a column, each with its lowest bit first."""
        count = self.number(4)
        words = struct.unpack(f">{count}Q", self.take(8 * count))
        return struct.pack(f"<{count}Q", *words)


@dataclass
class Block:
    approx_m: int
    approx_rank: int
    approx_offset: int
    exact_m: int
    exact_offset: int
    inverted: bool
    exceptions: set = field(default_factory=set)


class Clubcard:
    def __init__(self, data):
        octets = Octets(data)
        self.size = len(data)
        if octets.take(2) != b"\x04\x00":
            raise BadFilter("another version")
        self.coverage = {}
        for _ in range(octets.number(2)):
            log_id = octets.take(32)
            self.coverage[log_id] = (octets.number(8), octets.number(8))
        self.blocks = {}
        for _ in range(octets.number(4)):
            block_id = octets.take(32)
            numbers = [octets.number(size) for size in (4, 1, 4, 4, 4)]
            inverted = octets.number(1)
            if inverted > 1:
                raise BadFilter("inverted is neither 0 nor 1")
            block = Block(*numbers, inverted == 1)
            for _ in range(octets.number(2)):
                block.exceptions.add(octets.take(octets.number(1)))
            self.blocks[block_id] = block
        self.columns = [octets.column() for _ in range(octets.number(1))]
        self.exact_at = octets.at
        self.exact = octets.column()
        if octets.at != len(data):
            raise BadFilter("octets follow")
        if any(block.approx_rank > len(self.columns) for block in self.blocks.values()):
            raise BadFilter("a rank without its column")

    def covers(self, log_id, time_ms):
        low, high = self.coverage.get(log_id, (1, 0))
        return low <= time_ms <= high

    def revoked(self, block_id, serial):
        """Whether the certificate with these content octets of its serial is revoked; None: not enrolled."""
        block = self.blocks.get(block_id)
        return None if block is None else self.holds(block, block_id, serial) != block.inverted

    def holds(self, block, block_id, serial):
        if block.approx_m == 0:
            return False
        key = hashlib.sha256(block_id + serial).digest()
        row = int.from_bytes(key, "little") | 1
        place = int.from_bytes(key[24:], "little")
        start = block.approx_offset + place % block.approx_m
        for column in self.columns[:block.approx_rank]:
            if parity(row & bits(column, start)):
                return False
        start = block.exact_offset + place % max(1, block.exact_m)
        if parity(row & bits(self.exact, start)):
            return False
        return serial not in block.exceptions


def bits(column, start):
    """As many as a row has, from bit `start` of a column on; behind its end they are 0."""
    first = start // 8
    return int.from_bytes(column[first:first + 8 * WORDS + 1], "little") >> start % 8 & ROW_MASK


def parity(number):
    return bin(number).count("1") & 1


def content_octets(serial):
    """Of the DER INTEGER with that value."""
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big")


def block_id(certificate):
    """Of an issuer, by its certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def log_id(network):
    """Of the coverage of a network's filters."""
    return hashlib.sha256(b"statim filter " + network.encode()).digest()
