//! The example tracker as peers see it: over IPv4, and over IPv6 with real guidance, in a network
//! namespace where addresses for documentation are at home.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod kit;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alto_testkit::pki::Authority;
use alto_testkit::process::{Process, installed, wait_until, workspace_program};
use kit::{CLANG, GCC, Workshop, name_server, resolver, run, succeed};
use tokio::time::Instant;

/// A tracker that runs, ended by SIGTERM as an operator ends it.
struct Tracker {
    child: Child,
    port: u16,
}

impl Tracker {
    fn start(workshop: &Workshop, compiler: kit::Compiler, config: &str) -> Self {
        workshop.soname();
        let program = workshop.build(compiler, "examples/tracker.c", &[]);
        let file = workshop.folder.path().join("alto.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        let mut child = command.arg(file).arg("0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("port ").expect(&line).parse().unwrap();
        Self { child, port }
    }

    /// Ends it; it must leave in order.
    fn stop(&mut self) {
        let kill = ["-c", "kill -TERM $0", &self.child.id().to_string()];
        assert!(Command::new("/bin/sh").args(kill).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Tracker {
    /// However the test ends.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A peer's side of BEP 15.
struct Client(UdpSocket);

impl Client {
    fn new(address: IpAddr, tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.connect(tracker).unwrap();
        Self(socket)
    }

    fn ask(&self, packet: &[u8]) -> Vec<u8> {
        self.0.send(packet).unwrap();
        let mut reply = vec![0; 2_048];
        let length = self.0.recv(&mut reply).unwrap();
        reply.truncate(length);
        reply
    }

    fn connect(&self) -> [u8; 8] {
        let mut packet = 0x0417_2710_1980_u64.to_be_bytes().to_vec();
        packet.extend([0, 0, 0, 0, 1, 2, 3, 4]);
        let reply = self.ask(&packet);
        assert_eq!((reply.len(), &reply[..8]), (16, &[0, 0, 0, 0, 1, 2, 3, 4][..]));
        reply[8..].try_into().unwrap()
    }

    /// The records in the reply to an announce of a leecher with this port.
    fn announce(&self, wanted: u32, port: u16) -> Vec<u8> {
        let reply = self.ask(&announce(self.connect(), wanted, port, 0));
        assert_eq!(&reply[..8], [0, 0, 0, 1, 9, 9, 9, 9]);
        assert_eq!(reply[8..12], 1_800_u32.to_be_bytes());
        reply[20..].to_vec()
    }
}

fn announce(id: [u8; 8], wanted: u32, port: u16, event: u32) -> Vec<u8> {
    let mut packet = id.to_vec();
    packet.extend([0, 0, 0, 1, 9, 9, 9, 9]);
    packet.extend([7; 20]); // torrent
    packet.extend([8; 20]); // peer_id
    packet.extend([0, 1_000, 0].map(u64::to_be_bytes).concat()); // done, left, sent
    packet.extend(event.to_be_bytes());
    packet.extend([0; 8]); // address, key
    packet.extend(wanted.to_be_bytes());
    packet.extend(port.to_be_bytes());
    packet
}

/// Over IPv4 from loopback: compact records, numwant, oneself left out, a stop, and silence for who
/// has not proven its address.
#[test]
fn over_ipv4() {
    let workshop = Workshop::new();
    for compiler in [GCC, CLANG] {
        let mut tracker = Tracker::start(&workshop, compiler, "dns.resolver = \"127.0.0.1:9\"\n");
        let address = SocketAddr::from(([127, 0, 0, 1], tracker.port));
        let client = |last| Client::new([127, 0, 0, last].into(), address);
        for peer in 1..=60 {
            let records = client(peer).announce(u32::MAX, 6_881);
            assert_eq!(records.len(), 6 * usize::from(peer - 1).min(50));
            let own = [127, 0, 0, peer, 0x1a, 0xe1];
            assert!(records.chunks(6).all(|record| record != own && record[..3] == own[..3]));
        }
        assert_eq!(client(61).announce(3, 6_881).len(), 18);
        assert_eq!(client(61).announce(0, 6_881).len(), 0);
        let leaver = client(61);
        assert_eq!(leaver.ask(&announce(leaver.connect(), 50, 6_881, 3)).len(), 20);
        let rest = client(1).announce(70, 6_881);
        assert_eq!(rest.len(), 6 * 59);
        // A connection id is its own address's alone.
        let (one, other) = (client(1), client(2));
        let stolen = one.connect();
        other.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        for packet in [announce(stolen, 50, 1, 0), vec![0; 16], vec![7; 2_000], vec![]] {
            other.0.send(&packet).unwrap();
            assert!(other.0.recv(&mut [0; 64]).is_err());
        }
        tracker.stop();
    }
}

/// Says to the test below that it is inside of a namespace of its own.
const INSIDE: &str = "ALTO_TEST_INSIDE";

/// Peers of 2001:db8::/32, found by NSD and guided by `alto serve`: of each reply's guided places at
/// least 99% hold the best class. The whole test runs once more in a namespace of its own, where this
/// prefix is at home on an interface that leads nowhere.
#[test]
fn over_ipv6_guided() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    kit::library_folder(); // both built before, for that may take a while
    workspace_program("alto-cli", "alto");
    let mut again = Command::new(installed("unshare", "util-linux"));
    again.args(["--user", "--map-root-user", "--net", "--"]).arg(std::env::current_exe().unwrap());
    again.args(["over_ipv6_guided", "--exact", "--nocapture"]).env(INSIDE, "1");
    succeed(&mut again);
}

/// The interface that peers are behind: neither loopback nor one that leads anywhere.
const PEERS: &str = "peers";

/// A prefix that is at home here, behind an interface that leads nowhere.
fn make_net() {
    let ip = installed("ip", "iproute2");
    let does = |line: &str| run(Command::new(&ip).args(line.split(' '))).status.success();
    assert!(does("link set lo up"));
    // Not each kernel has the kind that is meant for it.
    assert!(
        does(&format!("link add {PEERS} type dummy"))
            || does(&format!("link add {PEERS} type veth peer name nobody"))
    );
    assert!(does(&format!("link set {PEERS} up")));
    assert!(does(&format!("-6 route add local 2001:db8::/32 dev {PEERS}")));
    fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1").unwrap(); // any address of that prefix
}

const NETWORK: &str =
    "prefix,pid\n2001:db8:1::/48,near\n2001:db8:2::/48,mid\n::/0,far\n0.0.0.0/0,far\n";
const COSTS: &str = "src,dst,cost\nnear,near,1\nnear,mid,5\nnear,far,20\n";

/// `alto serve`, the command itself, over https; the process, its directory's URI, and the authority.
fn alto_serve(folder: &Path) -> (Process, String, PathBuf) {
    let authority = Authority::new();
    let own = authority.sign(&["127.0.0.1"]);
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (network, costs) = (file("net.csv", NETWORK), file("costs.csv", COSTS));
    let (cert, key) = (file("cert.pem", &own.certificate), file("key.pem", &own.key));
    let ca = file("ca.pem", authority.pem());
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--network-map", &network];
    arguments.extend(["--cost-map", &costs, "--cert", &cert, "--key", &key]);
    let alto = workspace_program("alto-cli", "alto");
    let server = Process::start(&alto, &arguments, &folder.join("serve.log"));
    let uri =
        || server.log().lines().find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
    assert!(wait_until(Duration::from_secs(10), || uri().is_some()), "{}", server.log());
    let uri = uri().unwrap();
    (server, uri, ca.into())
}

fn inside() {
    make_net();
    let workshop = Workshop::new();
    let (_alto, uri, ca) = alto_serve(workshop.folder.path());
    let server = name_server(&uri);
    let config = format!(
        "dns.resolver = \"{}\"\nfetch.ca_file = \"{}\"\npolicy.allow_private_servers = true\n\
         policy.allow_documentation = true\ndns.zone_qps = 100000\ndns.total_qps = 100000\n",
        resolver(&server),
        ca.display()
    );
    let mut tracker = Tracker::start(&workshop, GCC, &config);
    let address = SocketAddr::new("2001:db8:ffff::1".parse().unwrap(), tracker.port);
    // A hundred peers of each class of the map.
    let peer = |net: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, host);
    for (net, host) in (1..=3).flat_map(|net| (1..=100).map(move |host| (net, host))) {
        Client::new(peer(net, host).into(), address).announce(0, 6_881);
    }
    // How many of the guided places hold the best class: 50, of which a fifth is for chance.
    let near = |records: &[u8]| {
        records
            .chunks(18)
            .take(40)
            .filter(|record| record[..6] == [0x20, 1, 0xd, 0xb8, 0, 1])
            .count()
    };
    // Until its server and the map are there, all places are for chance.
    let start = Instant::now();
    for host in 1..=100 {
        let asker = Client::new(peer(1, host).into(), address);
        while near(&asker.announce(50, 6_881)) < 40 {
            assert!(start.elapsed() < Duration::from_secs(20), "no guidance for {host}");
            std::thread::sleep(Duration::from_millis(5)); // as a peer would, after a longer while
        }
    }
    let (mut replies, mut told) = (Vec::new(), HashMap::new());
    for host in 1..=100 {
        let records = Client::new(peer(1, host).into(), address).announce(50, 6_881);
        assert_eq!(records.len(), 50 * 18);
        replies.push(near(&records));
        for record in records.chunks(18) {
            assert_ne!(record[..16], peer(1, host).octets(), "oneself");
            *told.entry(record.to_vec()).or_insert(0) += 1;
        }
    }
    let (guided, worst) = (replies.iter().sum::<usize>(), replies.iter().min().unwrap());
    println!(
        "{guided} of 4000 guided places hold the best class, of the worst reply {worst} of 40"
    );
    assert!(worst * 100 >= 40 * 99);
    assert!(told.len() > 250, "chance reaches the others, too: {} of 300", told.len());
    tracker.stop();
}
