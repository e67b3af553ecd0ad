#!/usr/bin/python3
"""Real clients: from whom does a leech of a network get its octets, plain and guided?

    clients.py LIBRARY

A world of its own on loopback: NSD, one ALTO server (alto serve), Debian's opentracker plain or with LIBRARY
before it. Six seeds in the leech's network, six in six others, one process each (python3-libtorrent), a
private torrent of version 1; the leech wants six peers. Then aria2 as the leech, over HTTP. What each seed has
uploaded is its own word. Run by `make tracker-clients`.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SIZE = 96 << 20
NEAR = [f"127.1.3.{n}" for n in range(11, 17)]
FAR = [f"127.{n}.0.11" for n in range(20, 26)]
LEECH = "127.1.3.9"
ALTO = os.environ.get("ALTO", "target/release/alto")

PEER = r"""
import json, sys, time
import libtorrent as lt
address, torrent, folder, is_seed = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "seed"
session = lt.session({
    "listen_interfaces": address + ":6881", "outgoing_interfaces": address,
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False, "allow_multiple_connections_per_ip": True,
    "ssrf_mitigation": False, "num_want": 0 if is_seed else 6,
})
info = lt.torrent_info(torrent)
parameters = lt.add_torrent_params()
parameters.ti, parameters.save_path = info, folder
if is_seed:
    parameters.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(parameters)
sources, start = {}, time.monotonic()
while time.monotonic() - start < 90:
    status = handle.status()
    for peer in handle.get_peer_info():
        sources[peer.ip[0]] = max(sources.get(peer.ip[0], 0), peer.total_download)
    if is_seed:
        print(json.dumps({"up": status.all_time_upload}), flush=True)
        time.sleep(0.2)
    elif status.is_seeding:
        break
    else:
        time.sleep(0.01)
print(json.dumps({"done": handle.status().is_seeding, "sources": sources}), flush=True)
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def make_torrent(folder, tracker):
    import libtorrent as lt

    data = os.path.join(folder, "seed")
    os.makedirs(data, exist_ok=True)
    if not os.path.exists(os.path.join(data, "file")):
        with open(os.path.join(data, "file"), "wb") as file:
            file.write(os.urandom(1 << 20) * (SIZE >> 20))
    files = lt.file_storage()
    lt.add_files(files, os.path.join(data, "file"))
    torrent = lt.create_torrent(files, 256 << 10, lt.create_torrent.v1_only)
    torrent.set_priv(True)
    torrent.add_tracker(tracker)
    lt.set_piece_hashes(torrent, data)
    path = os.path.join(folder, "torrent")
    with open(path, "wb") as file:
        file.write(lt.bencode(torrent.generate()))
    return path, str(lt.torrent_info(path).info_hash())


def world(folder, alto, dns):
    """A name server and an ALTO server for 127.1.3.0/24."""
    write(f"{folder}/map.csv", "prefix,pid\n0.0.0.0/0,far\n::/0,far\n127.1.3.0/24,own\n")
    write(f"{folder}/costs.csv", "src,dst,cost\nown,own,1\nown,far,20\n")
    write(f"{folder}/zone", "127.in-addr.arpa. 600 SOA ns.example. admin.example. 1 600 600 600 60\n"
          "127.in-addr.arpa. 600 NS ns.example.\n3.1.127.in-addr.arpa. 600 NAPTR 100 10 \"u\" \"ALTO:http\" "
          f"\"!.*!http://127.0.0.1:{alto}/directory!\" .\n")
    write(f"{folder}/nsd.conf", f"""server:
  ip-address: 127.0.0.1@{dns}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
remote-control:
  control-enable: no
zone:
  name: "127.in-addr.arpa"
  zonefile: "zone"
""")
    write(f"{folder}/alto.toml", f"""backends = ["dns"]
dns.resolver = "127.0.0.1:{dns}"
dns.granularity = "prefix"
dns.service = "ALTO:http"
policy.allow_private = true
policy.allow_http = true
select.random_share = 0
""")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [
        subprocess.Popen([ALTO, "serve", "--listen", f"127.0.0.1:{alto}", "--http", "--network-map",
                          f"{folder}/map.csv", "--cost-map", f"{folder}/costs.csv"], **quiet),
        subprocess.Popen(["nsd", "-d", "-c", f"{folder}/nsd.conf"], **quiet),
    ]


def tracker(folder, port, infohash, library):
    os.makedirs(f"{folder}/root", exist_ok=True)
    os.chmod(folder, 0o755)
    write(f"{folder}/root/whitelist", infohash + "\n")
    write(f"{folder}/tracker.conf", f"listen.tcp_udp 127.0.0.1:{port}\naccess.whitelist whitelist\n"
          f"tracker.rootdir {folder}/root\n")
    environment = dict(os.environ)
    if library:
        environment.update(LD_PRELOAD=os.path.abspath(library), ALTO_CONFIG=f"{folder}/alto.toml")
    return subprocess.Popen(["opentracker", "-f", f"{folder}/tracker.conf"], env=environment,
                            stderr=subprocess.DEVNULL)


def announce(port, infohash, address, peer_port):
    """One HTTP announce; the octets of the reply."""
    with socket.socket() as stream:
        stream.bind((address, 0))
        stream.settimeout(5)
        stream.connect(("127.0.0.1", port))
        coded = "".join("%" + infohash[at:at + 2] for at in range(0, 40, 2))
        request = f"GET /announce?info_hash={coded}&port={peer_port}&left=1&numwant=6 HTTP/1.1\r\n\r\n"
        stream.sendall(request.encode())
        reply = b""
        while piece := stream.recv(8192):
            reply += piece
    return reply


def run(client, scheme, library):
    """One download; octets from near and from far."""
    folder = tempfile.mkdtemp(prefix="alto-clients-")
    processes = []
    try:
        port, alto, dns = free_port(), free_port(), free_port()
        path, infohash = make_torrent(folder, f"{scheme}://127.0.0.1:{port}/announce")
        processes += world(folder, alto, dns)
        processes.append(tracker(folder, port, infohash, library))
        time.sleep(1)
        seeds = {}
        for address in NEAR + FAR:
            output = open(f"{folder}/{address}", "w+", encoding="ascii")
            seeds[address] = output
            processes.append(subprocess.Popen(
                [sys.executable, "-c", PEER, address, path, f"{folder}/seed", "seed"], stdout=output))
        time.sleep(8)  # all have announced
        # Makes the tracker learn the network's server; it stays in the swarm, where nobody listens.
        warm = "127.1.3.200"
        for _ in range(10):
            announce(port, infohash, warm, 9)
            time.sleep(0.3)
        stop = announce(port, infohash, warm, 9)  # then leaves
        coded = "".join("%" + infohash[at:at + 2] for at in range(0, 40, 2))
        with socket.socket() as stream:
            stream.bind((warm, 0))
            stream.connect(("127.0.0.1", port))
            stream.sendall(f"GET /announce?info_hash={coded}&port=9&event=stopped HTTP/1.1\r\n\r\n".encode())
            stream.recv(8192)
        assert stop.startswith(b"HTTP/1")
        to = f"{folder}/leech"
        os.makedirs(to)
        if client == "libtorrent":
            leech = [sys.executable, "-c", PEER, LEECH, path, to, "leech"]
        else:
            leech = ["aria2c", f"--interface={LEECH}", "--seed-time=0", "--enable-dht=false",
                     "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--allow-overwrite=true",
                     "--listen-port=6882", "--bt-max-peers=6", "--quiet", "-d", to, path]
        subprocess.run(leech, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False)
        time.sleep(1)
        is_done = os.path.exists(f"{to}/file") and os.path.getsize(f"{to}/file") == SIZE
        up = {}
        for address, output in seeds.items():
            output.seek(0)
            lines = [line for line in output if line.endswith("\n")]
            up[address] = json.loads(lines[-1]).get("up", 0) if lines else 0
        near, far = sum(up[one] for one in NEAR), sum(up[one] for one in FAR)
        used = [sum(up[one] > 0 for one in side) for side in (NEAR, FAR)]
        return near, far, used, is_done
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    library = sys.argv[1]
    for client, scheme in [("libtorrent", "udp"), ("libtorrent", "http"), ("aria2", "http")]:
        for name, loaded in [("plain", None), ("guided", library)]:
            for number in range(3):
                near, far, used, is_done = run(client, scheme, loaded)
                share = 100 * near / max(1, near + far)
                end = "done" if is_done else "NOT DONE"
                print(f"{client} over {scheme}, {name}, run {number + 1}: {share:.1f}% of the octets from near "
                      f"({used[0]} near and {used[1]} far seeds used), {end}", flush=True)


if __name__ == "__main__":
    main()
