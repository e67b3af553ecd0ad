//! How hosts that must not be contacted may be spelled.

use crate::namespace::NEAR;

/// Names that lead to such hosts, beside what each leads to.
const NAMED: &[(&str, &str)] = &[
    ("127.0.0.1", "localhost"),
    ("127.0.0.2", "r0.test"),
    ("::1", "r1.test"),
    ("10.1.2.3", "r2.test"),
    ("192.168.1.1", "r3.test"),
    ("169.254.169.254", "r4.test"),
    ("fe80::1", "r5.test"),
    ("fd00::1", "r6.test"),
    ("::ffff:127.0.0.2", "r7.test"),
    ("64:ff9b::7f00:2", "r8.test"),
    ("2002:7f00:2::1", "r9.test"),
    ("0.0.0.0", "r10.test"),
    ("224.0.0.1", "r11.test"),
    (NEAR, "own.test"),
];

/// The lines of `/etc/hosts` by which names lead to hosts that must not be contacted.
pub fn hosts() -> Vec<String> {
    NAMED.iter().map(|(address, name)| format!("{address} {name}")).collect()
}

/// URIs of hosts that must not be contacted, by every address and by the names of [`hosts`], with the
/// machine's own address of a [namespace](crate::namespace).
pub fn denied(port: u16) -> Vec<String> {
    let names = NAMED.iter().map(|(_, name)| format!("https://{name}:PORT/"));
    let own = format!("https://{NEAR}:PORT/");
    let all = DENIED.iter().map(|text| (*text).to_owned()).chain(names).chain([own]);
    all.map(|text| text.replace("PORT", &port.to_string())).collect()
}

/// URIs that lead to this machine, into its network or nowhere, however they are read; `PORT` is a
/// port.
pub const DENIED: &[&str] = &[
    "https://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT",
    "HTTPS://127.0.0.1:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0x7F.0x0.0x0.0x1:PORT/",
    "https://0x7f.1:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://017700000001:PORT/",
    "https://127.0.0.0x1:PORT/",
    "https://127.0.0.2:PORT/",
    "https://127.255.255.254:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127%2e0%2e0%2e1:PORT/",
    "https://\u{2460}\u{2461}\u{2466}.0.0.1:PORT/",
    "https://127\u{3002}0\u{3002}0\u{3002}1:PORT/",
    "https://127.0.0.1\u{ff0e}:PORT/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1:PORT/",
    "https://0:PORT/",
    "https://0.0.0.0:PORT/",
    "https://0x0:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[0000::0001]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::FFFF:7f00:1]:PORT/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[64:ff9b::127.0.0.1]:PORT/",
    "https://[64:ff9b:1::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:1::80ff:fffe]:PORT/",
    "https://u:p@127.0.0.1:PORT/",
    "https://alto.test@127.0.0.1:PORT/",
    "https://@127.0.0.1:PORT/",
    "https:\\\\127.0.0.1:PORT/",
    "https:127.0.0.1:PORT/",
    "https:///127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/#fragment",
    "https://12\t7.0.0.1:PORT/",
    " https://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/",
    "http://[::1]:PORT/",
    "ftp://127.0.0.1:PORT/",
    "https://10.0.0.1:PORT/",
    "https://0xa000001:PORT/",
    "https://172.16.0.1:PORT/",
    "https://172.31.255.255:PORT/",
    "https://192.168.1.1:PORT/",
    "https://100.64.0.1:PORT/",
    "https://169.254.169.254:PORT/",
    "https://2852039166:PORT/",
    "https://[::ffff:169.254.169.254]:PORT/",
    "https://[64:ff9b::a9fe:a9fe]:PORT/",
    "https://[fe80::1]:PORT/",
    "https://[fd00::1]:PORT/",
    "https://[fec0::1]:PORT/",
    "https://[fd00:ec2::254]:PORT/",
    "https://198.18.0.1:PORT/",
    "https://192.0.0.1:PORT/",
    "https://224.0.0.1:PORT/",
    "https://[ff02::1]:PORT/",
    "https://240.0.0.1:PORT/",
    "https://255.255.255.255:PORT/",
    "https://[100::1]:PORT/",
    "https://[2001:10::1]:PORT/",
];
