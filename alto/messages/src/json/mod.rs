//! JSON (RFC 8259) as this crate reads and writes it: no tree, bounded depth, no key twice.
//!
//! [`lexer`] knows strings and numbers, [`grammar`] how they follow each other. On top of them
//! [`document`] reads a small body that is held as a whole, [`envelope`] a large map that arrives
//! in pieces. [`writer`] writes.

pub(crate) mod digits;
pub(crate) mod document;
pub(crate) mod envelope;
pub(crate) mod grammar;
pub(crate) mod keys;
pub(crate) mod lexer;
pub(crate) mod writer;
