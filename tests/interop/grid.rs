//! All vectors against all servers: three authorities, directly and behind a resolver.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use alto_testkit::process::side_by_side;
use alto_testkit::scripted::Scripted;
use alto_testkit::signer::Key;
use alto_testkit::unbound::{Reasons, Validation};
use alto_testkit::vectors::{self, ServedBy, Vector};
use alto_testkit::{Daemon, NameServer, ZoneFile, bind, knot, nsd, unbound};

use crate::command::{check, fails};
use crate::signed_vectors::zones_of;

/// A server program as the authority for the root: what a vector does not name does not exist.
struct Authority {
    name: &'static str,
    launch: fn(&[ZoneFile]) -> Daemon,
    /// The vectors whose zones it refuses to load.
    cannot_hold: &'static [u8],
}

const AUTHORITIES: [Authority; 3] = [
    Authority { name: "nsd", launch: nsd::launch, cannot_hold: &[] },
    Authority { name: "knot", launch: knot::launch, cannot_hold: &[] },
    Authority { name: "bind", launch: bind::launch, cannot_hold: &bind::CANNOT_HOLD },
];

/// A vector against one server.
enum Cell {
    Same,
    /// The server has no such zone; that shows as a failure.
    CannotHold,
    Differs(String),
}

/// By vector, then by column.
#[derive(Default)]
struct Grid(Mutex<BTreeMap<(u8, String), BTreeMap<String, Cell>>>);

/// RFC 8686 through the whole stack: whoever serves the zone, the outcome is the same.
#[test]
fn vectors_against_all_servers() {
    let grid = Grid::default();
    let mut to_do: Vec<(&Authority, Vec<Vector>)> = Vec::new();
    for group in vectors::by_zone(vectors::for_real_servers()) {
        to_do.extend(AUTHORITIES.iter().map(|authority| (authority, group.clone())));
    }
    side_by_side(to_do, |(authority, group)| against(authority, &group, &grid));
    for vector in vectors::all() {
        match vector.server {
            ServedBy::Any => {}
            ServedBy::Scripted => {
                let server = Scripted::for_vector(&vector);
                grid.note(&vector, "scripted", check(&vector, server.address()));
            }
            ServedBy::Dnssec => {
                for authority in &AUTHORITIES {
                    behind_validator(authority, &vector, &grid);
                }
            }
        }
    }
    grid.conclude();
}

/// The vectors of one zone, asked of the authority itself and of a resolver before it.
fn against(authority: &Authority, group: &[Vector], grid: &Grid) {
    let server = (authority.launch)(&[(&group[0].zone()).into()]);
    let resolver = unbound::launch(server.address());
    for (address, behind) in [(server.address(), ""), (resolver.address(), "+unbound")] {
        let column = format!("{}{behind}", authority.name);
        for vector in group {
            if authority.cannot_hold.contains(&vector.id) {
                let cell = fails(vector, address).map_or_else(Cell::Differs, |()| Cell::CannotHold);
                grid.put(vector, &column, cell);
            } else {
                grid.note(vector, &column, check(vector, address));
            }
        }
    }
}

/// A vector that needs a validating resolver before its authority.
fn behind_validator(authority: &Authority, vector: &Vector, grid: &Grid) {
    let key = Key::new(0);
    let files = zones_of(vector, &key);
    let zones = files[1..].iter().map(|file| file.apex.clone()).collect();
    let server = (authority.launch)(&files);
    let validation = Validation { anchor: key.ds("."), zones, reasons: Reasons::Kept };
    let resolver = unbound::launch_validating(server.address(), &validation);
    let column = format!("{}+unbound", authority.name);
    grid.note(vector, &column, check(vector, resolver.address()));
}

impl Grid {
    fn note(&self, vector: &Vector, column: &str, result: Result<(), String>) {
        self.put(vector, column, result.map_or_else(Cell::Differs, |()| Cell::Same));
    }

    fn put(&self, vector: &Vector, column: &str, cell: Cell) {
        let mut rows = self.0.lock().expect("nobody panics with the lock held");
        let row = rows.entry((vector.id, vector.case.clone())).or_default();
        row.insert(column.to_owned(), cell);
    }

    /// Prints the table; fails if anything differs.
    fn conclude(self) {
        let rows = self.0.into_inner().expect("nobody panicked with the lock held");
        let columns = columns();
        let mut table = format!("vector  {}\n", columns.join("  "));
        let mut faults = String::new();
        for ((id, case), row) in &rows {
            let vector = format!("{id}{case}");
            write!(table, "{vector:>6}").expect("writing to a string");
            for column in &columns {
                let cell = row.get(column);
                let (word, width) = (word(cell), column.len());
                write!(table, "  {word:<width$}").expect("writing to a string");
                if let Some(Cell::Differs(fault)) = cell {
                    writeln!(faults, "vector {vector}, {column}: {fault}").expect("to a string");
                }
            }
            table.push('\n');
        }
        println!("{table}{LEGEND}");
        assert!(faults.is_empty(), "{faults}");
    }
}

const LEGEND: &str = "\
ok: the outcome of the vector. refused: the program will not load the zone, so its questions fail,
and that is told as a failure. -: not asked of this server.";

fn word(cell: Option<&Cell>) -> &'static str {
    match cell {
        None => "-",
        Some(Cell::Same) => "ok",
        Some(Cell::CannotHold) => "refused",
        Some(Cell::Differs(_)) => "DIFFERS",
    }
}

fn columns() -> Vec<String> {
    let authorities = AUTHORITIES.iter().map(|authority| authority.name);
    let both = authorities.flat_map(|name| [name.to_owned(), format!("{name}+unbound")]);
    both.chain(["scripted".to_owned()]).collect()
}
