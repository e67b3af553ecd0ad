# A DHCPv4 server that answers each question with what no client must hear; "true" as its argument has it
# answer as it should at last.
import socket
import sys


def at(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.bind(("0.0.0.0", port))
    return s


def reply(question, label, xid=None):
    head = b"\x02" + question[1:4] + (xid or question[4:8]) + question[8:240]
    name = bytes([len(label)]) + label + b"\x07example\x00"
    return head + b"\x35\x01\x05\xd5" + bytes([len(name)]) + name + b"\xff"


server, stranger = at(67), at(6767)
print("listening", flush=True)
while True:
    question, client = server.recvfrom(2000)
    to = (socket.inet_ntoa(question[12:16]), 68)
    evil = reply(question, b"evil")
    server.sendto(reply(question, b"evil", b"none"), to)
    stranger.sendto(evil, to)
    server.sendto(b"", to)
    server.sendto(evil + bytes(1300), to)
    server.sendto(evil[:-4], to)
    if sys.argv[1] == "true":
        server.sendto(reply(question, b"access"), to)
    print("answered", client, flush=True)
