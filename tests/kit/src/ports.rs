//! Ports on loopback, the same number for UDP and TCP as DNS needs it.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// A UDP and a TCP socket on one free port of 127.0.0.1.
pub fn pair() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port on 127.0.0.1");
        let address = udp.local_addr().expect("the address of a bound socket");
        if let Ok(tcp) = TcpListener::bind(address) {
            return (udp, tcp);
        }
    }
    panic!("no port of 127.0.0.1 is free for both UDP and TCP");
}

/// A UDP and a TCP socket on this address, to come back where one was before.
///
/// # Errors
/// If somebody else has it.
pub fn pair_at(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?))
}

/// A port of 127.0.0.1 that was free a moment ago for UDP and TCP, for a program that must be told
/// its port. Never handed out twice in one process; another process may still come first, so
/// whoever starts a program tries again.
pub fn free() -> SocketAddr {
    static GIVEN: Mutex<Option<HashSet<SocketAddr>>> = Mutex::new(None);
    loop {
        let address = pair().0.local_addr().expect("the address of a bound socket");
        let mut given = GIVEN.lock().expect("nobody panics with the lock held");
        if given.get_or_insert_default().insert(address) {
            return address;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_takes_both_transports() {
        let address = free();
        let (udp, tcp) = pair_at(address).unwrap();
        assert_eq!(udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        assert!(pair_at(address).is_err());
        assert_ne!(free(), address);
    }
}
