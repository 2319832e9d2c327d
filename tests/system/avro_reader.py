# SPDX-License-Identifier: Apache-2.0
"""Avro object container files, read by the specification (1.11, "Object Container Files" and "Binary
Encoding"), as far as it goes without schema resolution. Independent of libavro."""

import io
import json
import zlib


class Decoder:
    def __init__(self, octets):
        self.stream = io.BytesIO(octets)

    def take(self, size):
        octets = self.stream.read(size)
        if len(octets) != size:
            raise ValueError("the file ends too early")
        return octets

    def long(self):
        """Zigzag, 7 bits an octet, the least significant first."""
        value, shift = 0, 0
        while True:
            octet = self.take(1)[0]
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
            if shift > 63:
                raise ValueError("a long of more than 64 bits")
        return value >> 1 ^ -(value & 1)

    def bytes(self):
        return self.take(self.long())

    def string(self):
        return self.bytes().decode()

    def blocks(self, item):
        """Arrays and maps: blocks until one of no items."""
        while count := self.long():
            if count < 0:
                count = -count
                self.long()  # octets of the block
            for _ in range(count):
                yield item()

    def value(self, schema):
        if isinstance(schema, list):
            return self.value(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind == "record":
            return {field["name"]: self.value(field["type"]) for field in schema["fields"]}
        if kind == "fixed":
            return self.take(schema["size"])
        if kind == "null":
            return None
        return {"long": self.long, "bytes": self.bytes, "string": self.string}[kind]()


def read(octets):
    """(metadata, rows)"""
    file = Decoder(octets)
    if file.take(4) != b"Obj\x01":
        raise ValueError("no Avro file")
    metadata = dict(file.blocks(lambda: (file.string(), file.bytes())))
    sync = file.take(16)
    schema = json.loads(metadata["avro.schema"])
    codec = metadata.get("avro.codec", b"null")
    rows = []
    while file.stream.tell() < len(octets):
        count = file.long()
        block = file.bytes()
        if codec == b"deflate":
            block = zlib.decompress(block, wbits=-15)
        elif codec != b"null":
            raise ValueError(f"codec {codec}")
        inner = Decoder(block)
        rows += [inner.value(schema) for _ in range(count)]
        if inner.stream.read(1):
            raise ValueError("a block has more than its rows")
        if file.take(16) != sync:
            raise ValueError("no sync marker behind a block")
    return metadata, rows
