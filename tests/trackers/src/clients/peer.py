"""What only python3-libtorrent can do: a torrent, and one peer, which wants so many others.

    peer.py torrent FILE TORRENT                           a private torrent of version 1; prints its info-hash
    peer.py seed TORRENT TRACKER ADDRESS FOLDER WANTED     prints what it has uploaded, in octets, until it is ended
    peer.py leech TORRENT TRACKER ADDRESS FOLDER WANTED    ends when it has all of it, or after 90 s
"""
import os
import signal
import sys
import time

import libtorrent as lt


def torrent(file, path):
    files = lt.file_storage()
    lt.add_files(files, file)
    made = lt.create_torrent(files, 256 << 10, lt.create_torrent.v1_only)
    made.set_priv(True)
    lt.set_piece_hashes(made, os.path.dirname(file))
    with open(path, "wb") as out:
        out.write(lt.bencode(made.generate()))
    print(lt.torrent_info(path).info_hash())


def seed(*where):
    # Its end is no death by a signal, which the shell that guards it would report.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _session, handle = peer(*where, flags=lt.torrent_flags.seed_mode)
    while True:
        print(handle.status().all_time_upload, flush=True)
        time.sleep(0.2)


def leech(*where):
    _session, handle = peer(*where)
    end = time.monotonic() + 90
    while not handle.status().is_seeding and time.monotonic() < end:
        time.sleep(0.05)


def peer(path, tracker, address, folder, wanted, flags=0):
    """A peer that hears of others from the tracker alone, and speaks to them by TCP."""
    session = lt.session({
        "listen_interfaces": address + ":6881", "outgoing_interfaces": address,
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False, "allow_multiple_connections_per_ip": True,
        "ssrf_mitigation": False, "num_want": int(wanted),
    })
    parameters = lt.add_torrent_params()
    parameters.ti, parameters.save_path, parameters.trackers = lt.torrent_info(path), folder, [tracker]
    parameters.flags |= flags
    return session, session.add_torrent(parameters)


if __name__ == "__main__":
    {"torrent": torrent, "seed": seed, "leech": leech}[sys.argv[1]](*sys.argv[2:])
