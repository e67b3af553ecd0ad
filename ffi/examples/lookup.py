#!/usr/bin/env python3
"""Which ALTO server speaks for these peers? With ctypes alone: nothing to build.

    lookup.py CONFIG.toml PEER...
"""
import ctypes
import ipaddress
import socket
import struct
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p


class Peer(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("addr", c_void_p), ("addr_len", c_uint32),
                ("id_kind", c_uint32), ("id", c_void_p), ("id_len", c_uint32),
                ("raw_kind", c_uint32), ("raw", c_void_p), ("raw_len", c_size_t)]


class Answer(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("text", c_void_p), ("text_len", c_size_t),
                ("text_needed", c_size_t), ("server_count", c_uint32), ("scope_family", c_uint32),
                ("scope_addr", c_char * 16), ("scope_len", c_uint32), ("trust", c_uint32),
                ("dnssec", c_uint32), ("incomplete", c_uint32), ("ttl_ms", c_uint64),
                ("backend", c_char * 16)]


alto = ctypes.CDLL("libalto_discovery.so.0")
alto.alto_config_new.argtypes = [c_uint32, POINTER(c_void_p)]
alto.alto_config_load.argtypes = [c_void_p, c_char_p]
alto.alto_config_free.argtypes = alto.alto_start.argtypes = alto.alto_free.argtypes = [c_void_p]
alto.alto_open.argtypes = [c_void_p, POINTER(c_void_p)]
alto.alto_lookup_wait.argtypes = [c_void_p, POINTER(Peer), c_uint32, POINTER(Answer)]
alto.alto_last_error.argtypes = [c_char_p, c_size_t]
alto.alto_last_error.restype = c_size_t
OK, NONE = 0, 3


def checked(status):
    if status < 0:
        text = ctypes.create_string_buffer(1024)
        alto.alto_last_error(text, len(text))
        raise OSError(status, text.value.decode())
    return status


def opened(path):
    config, handle = c_void_p(), c_void_p()
    checked(alto.alto_config_new(alto.alto_version_number(), byref(config)))
    try:
        checked(alto.alto_config_load(config, path.encode()))
        checked(alto.alto_open(config, byref(handle)))
    finally:
        alto.alto_config_free(config)
    checked(alto.alto_start(handle))
    return handle


def servers(handle, text, timeout_ms=5000):
    """The URIs, best first; an empty list if there surely is no server."""
    address = ipaddress.ip_address(text)
    if address.version == 4:
        packed = struct.pack("=HH4s8x", socket.AF_INET, 0, address.packed)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address.packed, 0)
    room, uris = ctypes.create_string_buffer(packed, len(packed)), ctypes.create_string_buffer(4096)
    peer = Peer(struct_size=ctypes.sizeof(Peer), addr=ctypes.addressof(room), addr_len=len(packed))
    answer = Answer(struct_size=ctypes.sizeof(Answer), text=ctypes.addressof(uris), text_len=len(uris))
    checked(alto.alto_lookup_wait(handle, byref(peer), timeout_ms, byref(answer)))
    return [uri.decode() for uri in uris.raw.split(b"\0")[:answer.server_count]]


def main():
    handle = opened(sys.argv[1])
    for peer in sys.argv[2:]:
        print(peer, *(servers(handle, peer) or ["(none)"]))
    alto.alto_free(handle)


if __name__ == "__main__":
    main()
