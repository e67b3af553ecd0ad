//! Instructions of the tracker per announce, counted by callgrind: hardly different from run to run, whatever
//! else the machine does. Those of the kernel, most of a plain announce, are not among them. What callgrind
//! left is kept, for callgrind_annotate.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use alto_trackers::{Ask, Peer, Setup, Tracker, World};
use tempfile::TempDir;

use crate::cost::{member, populate};
use crate::guidance::{until_guided, wait_for_the_minute};
use crate::{Bench, world};

/// Announces counted, from forty peers in turn.
const ANNOUNCES: u32 = 40 * 500;
const WANTED: [i32; 2] = [50, 200];

pub(crate) fn run(bench: &Bench) -> String {
    let mut text = String::new();
    for size in [100, 10_000] {
        let world = world();
        let [plain, guided] = [false, true].map(|is_guided| of(bench, &world, size, is_guided));
        for ((wanted, plain), guided) in WANTED.iter().zip(plain).zip(guided) {
            let _ = writeln!(
                text,
                "{size:6} peers, numwant {wanted:3}: {plain:.0} plain, {guided:.0} guided"
            );
        }
    }
    text
}

/// Instructions per announce for each number wanted: what a tracker with those announces takes more
/// than one without, all of them filled side by side.
fn of(bench: &Bench, world: &World, size: usize, is_guided: bool) -> [f64; WANTED.len()] {
    let folder = TempDir::new().expect("a folder");
    // Where callgrind writes to without rights.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))
        .expect("a folder of ours");
    let file = |wanted: i32| folder.path().join(format!("{wanted}"));
    let [without, with @ ..] = thread::scope(|scope| {
        let load = [0, WANTED[0], WANTED[1]].map(|wanted| {
            let file = file(wanted);
            scope.spawn(move || counted(bench, world, size, is_guided, wanted, &file))
        });
        load.map(|load| load.join().expect("a count"))
    });
    with.map(|with| (with - without) / f64::from(ANNOUNCES))
}

/// Instructions of a whole life, with announces that want so many, or none at all.
fn counted(
    bench: &Bench,
    world: &World,
    size: usize,
    is_guided: bool,
    wanted: i32,
    counts: &Path,
) -> f64 {
    let preload = is_guided.then(|| bench.library.clone());
    let config = is_guided.then(|| world.config());
    let counts = Some(counts.to_path_buf());
    let setup = Setup { preload, config, workers: 1, counts, ..Setup::default() };
    let tracker = Tracker::start(&setup);
    populate(world, &tracker, size);
    if is_guided && size > 100 {
        until_guided(world, &tracker);
    }
    wait_for_the_minute();
    let peers: Vec<Peer> =
        (0..40).map(|number| Peer::new(member(world, size, number), tracker.address)).collect();
    if wanted > 0 {
        for peer in peers.iter().cycle().take(ANNOUNCES as usize) {
            peer.udp(&Ask::wanting(wanted));
        }
    }
    assert!(tracker.interrupt(), "it ends: {}", tracker.log());
    let name = if is_guided { "guided" } else { "plain" };
    let kept = bench.folder.join(format!("{name}-{size}-{wanted}.callgrind"));
    fs::copy(setup.counts.expect("just set"), &kept).expect("a file");
    total(&kept).unwrap_or_else(|| panic!("no counts: {}", tracker.log()))
}

/// The sum that callgrind ends its file with.
fn total(file: &Path) -> Option<f64> {
    let text = fs::read_to_string(file).expect("callgrind's file");
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}
