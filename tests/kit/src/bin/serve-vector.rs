//! Serves the zone of a test vector with NSD, to try the command by hand:
//! `cargo run -p alto-testkit --bin serve-vector 33`. Ends when standard input does.

use std::io::{Read, Write};

use alto_testkit::{NameServer, nsd, vectors};

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some(vector) = vectors::all().into_iter().find(|vector| vector.to_string() == wanted)
    else {
        eprintln!("usage: serve-vector VECTOR (such as 33 or 7b)");
        std::process::exit(2);
    };
    let server = nsd::launch(&[(&vector.zone()).into()]);
    println!("{} {}", server.address(), vector.peer);
    let ended = std::io::stdout().flush().and_then(|()| std::io::stdin().read_to_end(&mut vec![]));
    drop(server);
    ended.expect("standard streams");
}
