//! Peers from the command line or from standard input.

use std::io::{self, BufRead, Read as _};

use tokio::sync::mpsc;

/// The longest line that is looked at, in octets; no peer's text is near it.
const LONGEST_LINE: u64 = 1_024;

/// Lines read ahead of the work.
const READ_AHEAD: usize = 1_024;

/// The texts of the peers: the arguments, or the lines of standard input if there are none (or the
/// one argument is `-`). Read on a thread of its own, a bounded number ahead.
pub(crate) fn peers(arguments: &[String]) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let arguments = arguments.to_vec();
    std::thread::spawn(move || {
        if arguments.is_empty() || arguments == ["-"] {
            send_all(lines(without_mark(io::stdin().lock())), &sender);
        } else {
            send_all(arguments.into_iter().map(Ok), &sender);
        }
    });
    receiver
}

fn send_all(
    texts: impl Iterator<Item = io::Result<String>>,
    sender: &mpsc::Sender<io::Result<String>>,
) {
    for text in texts {
        if sender.blocking_send(text).is_err() {
            return; // nobody listens any more
        }
    }
}

/// What follows the mark that some editors write before UTF-8.
fn without_mark(mut input: impl BufRead) -> impl BufRead {
    let mark = "\u{feff}".as_bytes();
    if input.fill_buf().is_ok_and(|start| start.starts_with(mark)) {
        input.consume(mark.len());
    }
    input // an error comes again with the first line
}

/// Lines without their ends and surrounding white space; empty ones are left out. A line that is
/// too long or no UTF-8 comes cut or mended: it is no peer, and will be reported as it stands.
fn lines(mut input: impl BufRead) -> impl Iterator<Item = io::Result<String>> {
    std::iter::from_fn(move || {
        loop {
            match line(&mut input) {
                Ok(None) => return None,
                Ok(Some(text)) if text.is_empty() => {}
                Ok(Some(text)) => return Some(Ok(text)),
                Err(fault) => return Some(Err(fault)),
            }
        }
    })
}

fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Some(text.into_owned())); // as it stands: it is no peer, however much is blank
    }
    Ok(Some(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<String> {
        lines(text).map(Result::unwrap).collect()
    }

    #[test]
    fn one_peer_a_line() {
        assert_eq!(
            read(b"192.0.2.1\r\n\n  192.0.2.2  \n192.0.2.3"),
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        );
        assert!(read(b"\n\n").is_empty());
    }

    /// Only the mark at the very beginning is none of the text.
    #[test]
    fn a_byte_order_mark_is_left_out() {
        let marked = "\u{feff}192.0.2.1\n\u{feff}192.0.2.2\n".as_bytes();
        let lines: Vec<_> = lines(without_mark(marked)).map(Result::unwrap).collect();
        assert_eq!(lines, ["192.0.2.1", "\u{feff}192.0.2.2"]);
        assert_eq!(super::lines(without_mark(&b""[..])).count(), 0);
    }

    #[test]
    fn a_line_without_end_is_bounded_and_the_next_one_survives() {
        let mut text = vec![b'1'; 1 << 20];
        text.extend(b"\n192.0.2.2\n\xff\n");
        let lines = read(&text);
        assert_eq!(lines[0].len(), 1_024);
        assert_eq!(lines[1..], ["192.0.2.2", "\u{fffd}"]);
    }

    /// A long line of blanks with a peer behind them is not lost.
    #[test]
    fn a_long_line_is_never_taken_for_an_empty_one() {
        let mut text = vec![b' '; 1_500];
        text.extend(b"192.0.2.1\n192.0.2.2\n");
        let lines = read(&text);
        assert_eq!((lines.len(), lines[0].len(), lines[1].as_str()), (2, 1_024, "192.0.2.2"));
    }
}
