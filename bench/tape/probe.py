"""The floor of the tape benchmark: the least that an iSCSI initiator can do, with Python's standard library alone.

One connection, no digests, one command at a time, nothing recovered: whatever is not as expected ends it.

    probe.py move HOST PORT TARGET LUN FROM TO         carries a cartridge; LUN is the changer, the others are addresses of elements
    probe.py write HOST PORT TARGET LUN BLOCKS FILE    writes the blocks of the file, again and again, then a filemark
    probe.py read HOST PORT TARGET LUN BLOCKS          reads them from the beginning
    probe.py check HOST PORT TARGET LUN BLOCKS         reads and hashes them, and the filemark behind them

It prints one line of JSON: bytes, and the seconds that they took without logging in and rewinding.
"""
import hashlib
import json
import os
import socket
import struct
import sys
import time

BLOCK_BYTES = 262144
NO_TAG = 0xFFFFFFFF
READ, WRITE = 0x40, 0x20


def padded(data):
    return data + b"\0" * (-len(data) % 4)


class Initiator:
    """A session of RFC 7143 with one connection."""

    def __init__(self, host, port, target):
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tag, self.cmd_sn, self.exp_stat_sn, self.tsih = 0, 1, 0, 0
        self.isid = b"\x80" + os.urandom(3) + b"\0\0"
        name = "iqn.2026-01.io.holdfast.bench:probe"
        self.login({"InitiatorName": name, "SessionType": "Normal", "AuthMethod": "None", "TargetName": target}, 0, 1)
        wishes = {
            "HeaderDigest": "None",
            "DataDigest": "None",
            "DefaultTime2Wait": "2",
            "DefaultTime2Retain": "0",
            "ErrorRecoveryLevel": "0",
            "MaxRecvDataSegmentLength": "262144",
            "InitialR2T": "No",
            "ImmediateData": "Yes",
            "MaxBurstLength": "16776192",
            "FirstBurstLength": "262144",
            "MaxOutstandingR2T": "1",
            "MaxConnections": "1",
            "DataPDUInOrder": "Yes",
            "DataSequenceInOrder": "Yes",
        }
        agreed, is_over = self.login(wishes, 1, 3)
        while not is_over:
            more, is_over = self.login({}, 1, 3)
            agreed.update(more)
        self.first_burst = int(agreed.get("FirstBurstLength", 65536))
        self.segment = int(agreed.get("MaxRecvDataSegmentLength", 8192))
        self.has_immediate = agreed.get("ImmediateData", "Yes") == "Yes"
        self.waits_for_r2t = agreed.get("InitialR2T", "Yes") == "Yes"

    def login(self, keys, stage, next_stage):
        text = b"".join(f"{key}={value}".encode() + b"\0" for key, value in keys.items())
        header = struct.pack(">BBBBI", 0x43, 0x80 | stage << 2 | next_stage, 0, 0, len(text)) + self.isid
        header += struct.pack(">HIHHIIQQ", self.tsih, self.tag, 0, 0, self.cmd_sn, self.exp_stat_sn, 0, 0)
        self.socket.sendall(header + padded(text))
        answer, data = self.receive()
        status = struct.unpack(">H", answer[36:38])[0]
        if answer[0] & 0x3F != 0x23 or status:
            raise RuntimeError(f"the login failed with status {status:#06x}")
        self.tsih = struct.unpack(">H", answer[14:16])[0]
        self.exp_stat_sn = struct.unpack(">I", answer[24:28])[0] + 1
        agreed = dict(key.split("=", 1) for key in data.decode().split("\0") if key)
        return agreed, bool(answer[1] & 0x80) and answer[1] & 3 == next_stage

    def fill(self, view):
        at = 0
        while at < len(view):
            count = self.socket.recv_into(view[at:])
            if not count:
                raise ConnectionError("the target hung up")
            at += count

    def take(self, length):
        data = bytearray(length)
        self.fill(memoryview(data))
        return bytes(data)

    def receive(self, into=b""):
        """Receives a PDU; what was read goes to its place in memory that is used again."""
        header = self.take(48)
        length = int.from_bytes(header[5:8], "big")
        if header[0] & 0x3F != 0x25:
            return header, self.take(length + -length % 4)[:length]
        offset = struct.unpack(">I", header[40:44])[0]
        self.fill(into[offset : offset + length])
        self.take(-length % 4)
        return header, length

    def send(self, header, data):
        """Sends a PDU without a copy of its data."""
        pieces = [header, data, bytes(-len(data) % 4)]
        sent = self.socket.sendmsg(pieces)
        if sent < sum(map(len, pieces)):
            self.socket.sendall(b"".join(pieces)[sent:])

    def command(self, lun, cdb, data=b"", into=b""):
        """Carries out one command; returns its status, how much was read into the memory, and the sense data."""
        self.tag += 1
        data, into = memoryview(data), memoryview(into)
        immediate = data[: min(self.first_burst, self.segment)] if self.has_immediate else data[:0]
        is_more_unasked = not self.waits_for_r2t and len(immediate) < min(self.first_burst, len(data))
        flags = 1 | (0 if is_more_unasked else 0x80) | (WRITE if data else READ if into else 0)
        unit = struct.pack(">HHI", lun, 0, 0)
        header = struct.pack(">BBBBI", 0x01, flags, 0, 0, len(immediate)) + unit
        header += struct.pack(">IIII", self.tag, len(data) or len(into), self.cmd_sn, self.exp_stat_sn)
        self.cmd_sn += 1
        self.send(header + cdb.ljust(16, b"\0"), immediate)
        if is_more_unasked:
            self.send_data(unit, NO_TAG, data, len(immediate), min(self.first_burst, len(data)))
        filled = 0
        while True:
            header, part = self.receive(into)
            opcode = header[0] & 0x3F
            if opcode == 0x31:
                transfer, _, _, _, _, offset, length = struct.unpack(">IIIIIII", header[20:48])
                self.send_data(unit, transfer, data, offset, offset + length)
            elif opcode == 0x25:
                filled += part
                if header[1] & 1:
                    self.exp_stat_sn = struct.unpack(">I", header[24:28])[0] + 1
                    return header[3], filled, b""
            elif opcode == 0x21 and header[2] == 0:
                self.exp_stat_sn = struct.unpack(">I", header[24:28])[0] + 1
                return header[3], filled, part[2:]
            else:
                raise RuntimeError(f"unexpected opcode {opcode:#x}, response {header[2]:#x}")

    def send_data(self, unit, transfer, data, start, end):
        number = 0
        while start < end:
            count = min(self.segment, end - start)
            header = struct.pack(">BBBBI", 0x05, 0x80 if start + count == end else 0, 0, 0, count) + unit
            header += struct.pack(">IIIIIIII", self.tag, transfer, 0, self.exp_stat_sn, 0, number, start, 0)
            self.send(header, data[start : start + count])
            start += count
            number += 1

    def done(self, lun, cdb, data=b"", into=b""):
        """Carries out a command that must succeed, and move all."""
        status, filled, sense = self.command(lun, cdb, data, into)
        if status or filled != len(into):
            raise RuntimeError(f"command {cdb.hex()}: status {status:#x}, {filled} bytes read, sense {sense.hex()}")

    def ready(self, lun):
        """Hears what the unit has to tell before it takes commands."""
        for _ in range(5):
            if self.command(lun, bytes(6))[0] == 0:
                return
        raise RuntimeError("the unit does not get ready")


REWIND = bytes([0x01, 0, 0, 0, 0, 0])
FILEMARK = bytes([0x10, 0, 0, 0, 1, 0])
ONE_BLOCK = BLOCK_BYTES.to_bytes(3, "big") + b"\0"
READ_BLOCK, WRITE_BLOCK = b"\x08\0" + ONE_BLOCK, b"\x0a\0" + ONE_BLOCK
# No pages, and blocks of any length.
VARIABLE_BLOCKS = bytes([0x15, 0x10, 0, 0, 12, 0]), bytes([0, 0, 0x10, 8]) + bytes(8)


def move(initiator, lun, source, destination):
    initiator.done(lun, struct.pack(">BBHHHHBB", 0xA5, 0, 1, int(source), int(destination), 0, 0, 0))
    return {}


def write(initiator, lun, count, file):
    with open(file, "rb") as opened:
        blocks = list(iter(lambda: opened.read(BLOCK_BYTES), b""))
    started = time.perf_counter()
    for number in range(count):
        initiator.done(lun, WRITE_BLOCK, data=blocks[number % len(blocks)])
    initiator.done(lun, FILEMARK)
    return {"seconds": time.perf_counter() - started}


def read(initiator, lun, count):
    block = bytearray(BLOCK_BYTES)
    started = time.perf_counter()
    for _ in range(count):
        initiator.done(lun, READ_BLOCK, into=block)
    return {"seconds": time.perf_counter() - started}


def check(initiator, lun, count):
    digest, block = hashlib.sha256(), bytearray(BLOCK_BYTES)
    started = time.perf_counter()
    for _ in range(count):
        initiator.done(lun, READ_BLOCK, into=block)
        digest.update(block)
    sense = initiator.command(lun, READ_BLOCK, into=block)[2]
    if len(sense) < 3 or not sense[2] & 0x80:
        raise RuntimeError("there is no filemark behind the blocks")
    return {"seconds": time.perf_counter() - started, "sha256": digest.hexdigest()}


def main(action, host, port, target, lun, *more):
    initiator, unit = Initiator(host, int(port), target), int(lun)
    initiator.ready(unit)
    if action == "move":
        print(json.dumps(move(initiator, unit, *more)))
        return
    blocks = int(more[0])
    initiator.done(unit, VARIABLE_BLOCKS[0], data=VARIABLE_BLOCKS[1])
    initiator.done(unit, REWIND)
    done = {"write": write, "read": read, "check": check}[action](initiator, unit, blocks, *more[1:])
    print(json.dumps({"bytes": blocks * BLOCK_BYTES, **done}))


main(*sys.argv[1:])
