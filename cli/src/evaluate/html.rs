//! Pages with everything in them, which fetch nothing from anywhere.

use std::fs::File;
use std::io::{Error, Write as _};
use std::path::Path;

use crate::Failure;

/// The place of a page: made before the work of minutes, which is not lost so if there is none.
#[derive(Debug)]
pub(super) struct Place(File);

impl Place {
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let named = |fault: Error| Error::new(fault.kind(), format!("{}: {fault}", path.display()));
        File::create(path).map(Self).map_err(named).map_err(Failure::Output)
    }

    pub(super) fn write(mut self, page: &str) -> Result<(), Failure> {
        self.0.write_all(page.as_bytes()).map_err(Failure::Output)
    }
}

/// A page: its title, its style sheet, and what is on it.
pub(super) fn document(title: &str, style: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{style}</style>\n<main>\n{main}</main>\n</html>\n"
    )
}

/// Text that means itself in a page.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
