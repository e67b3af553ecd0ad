//! The full run: swarms of 10,000 on loopback, Debian's opentracker plain and guided, side by side.
//!
//!     tracker-trial FOLDER [PART...]
//!
//! All parts, or those named, one after the other. Each part leaves its figures in a file in FOLDER and is not run again while that is there; all of them
//! together are the report, FOLDER/report.txt.
#![forbid(unsafe_code)]

mod cost;
mod guidance;
mod instructions;
mod outage;
mod recovery;
mod slides;

use std::fs;
use std::path::{Path, PathBuf};

use alto_trackers::{Setup, Tracker, World, preloaded};

type Part = fn(&Bench) -> String;

const PARTS: [(&str, Part); 6] = [
    ("guidance", guidance::run),
    ("slides", slides::run),
    ("outage", outage::run),
    ("recovery", recovery::run),
    ("cost", cost::run),
    ("instructions", instructions::run),
];

/// What all parts start trackers with.
pub(crate) struct Bench {
    library: PathBuf,
    folder: PathBuf,
}

impl Bench {
    pub(crate) fn guided(&self, config: String, workers: u32) -> Tracker {
        let (preload, config) = (Some(self.library.clone()), Some(config));
        Tracker::start(&Setup { preload, config, workers, ..Setup::default() })
    }
}

pub(crate) fn plain(workers: u32) -> Tracker {
    Tracker::start(&Setup { workers, ..Setup::default() })
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("tracker-trial FOLDER [PART...]");
    let folder = Path::new(&folder);
    let wanted: Vec<String> = arguments.collect();
    let unknown = wanted.iter().find(|name| PARTS.iter().all(|part| part.0 != **name));
    assert!(unknown.is_none(), "no part {unknown:?}");
    fs::create_dir_all(folder).expect("a folder");
    let (_object, library) = preloaded("gcc");
    let bench = Bench { library, folder: folder.into() };
    let mut report = String::new();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    for (name, part) in PARTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        let file = folder.join(format!("{name}.txt"));
        if !file.is_file() {
            println!("{name} ...");
            fs::write(&file, part(&bench)).expect("a file");
        }
        let text = fs::read_to_string(&file).expect("just written");
        println!("{name}\n{text}");
        report.extend([name, "\n", &text, "\n"]);
    }
    fs::write(folder.join("report.txt"), report).expect("a file");
}

/// The world of most parts: 40 networks of 250.
pub(crate) fn world() -> World {
    World::new(40)
}
