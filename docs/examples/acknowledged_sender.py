#!/usr/bin/env python3
"""Sends each line of a file to a socket source with `acknowledge`, exactly once, whatever is restarted and when.

usage: acknowledged_sender.py FILE NAME HOST:PORT|PATH

The number of a record is that of its line, so that nothing need be kept: the source says where to go on.
"""
import select, socket, sys, time


def send(path, name, address):
    connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    connection.connect(address)
    answers = connection.makefile("rb")
    connection.sendall(f"HELLO {name}\n".encode())
    durable = int(answers.readline().split()[1])  # OK 17
    number = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if number > durable:
                connection.sendall(b"%d %s\n" % (number, line.rstrip(b"\n")))
            while select.select([connection], [], [], 0)[0]:  # ACK 18
                durable = max(durable, int(answers.readline().split()[1]))
    while durable < number:
        durable = int(answers.readline().split()[1])


if __name__ == "__main__":
    path, name, place = sys.argv[1:]
    host, _, port = place.rpartition(":")
    while True:
        try:
            send(path, name, (host, int(port)) if host else place)
            break
        except (OSError, IndexError):  # nobody there, or the connection broke
            time.sleep(0.1)
