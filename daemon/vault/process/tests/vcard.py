"""A card for vpcd's virtual reader that answers READ BINARY; "mute" on standard input makes it answer no more."""
import select
import socket
import struct
import sys
import time

ATR = bytes.fromhex("3B80800101")
PORT = 35963


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data += part
    return data


def answer(command):
    if command[1] == 0xB0:
        return bytes(range(command[4])) + b"\x90\x00"
    return b"\x6D\x00"


def connect():
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", PORT))
        except ConnectionRefusedError:
            time.sleep(0.05)
    sys.exit("no virtual reader")


card = connect()
card.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
mute = False
while True:
    ready, _, _ = select.select([card, sys.stdin], [], [])
    if sys.stdin in ready:
        mute = sys.stdin.readline() != ""
    if card not in ready:
        continue
    (length,) = struct.unpack(">H", receive(card, 2))
    message = receive(card, length)
    if length == 1:
        # 4 asks for the answer to reset; 0, 1 and 2 are power off, power on, reset, and have no answer.
        if message[0] == 4:
            card.sendall(struct.pack(">H", len(ATR)) + ATR)
    elif not mute:
        reply = answer(message)
        card.sendall(struct.pack(">H", len(reply)) + reply)
