//! Each message of the ALTO protocol; the first octet chooses which.
//!
//! What is accepted is written back to text that is accepted again, and a map says the same whether
//! it comes whole or in pieces.
#![no_main]

use alto_messages::{
    CostMap, CostMapFilter, CostMapReader, Directory, EndpointCostRequest, EndpointCosts,
    EndpointProperties, EndpointPropertyRequest, ErrorBody, NetworkMap, NetworkMapFilter,
    NetworkMapReader, ReadOptions,
};
use libfuzzer_sys::fuzz_target;

/// Strictly, the text of a message says all there is in it: what is read is written, what is
/// written is read, and is written the same again.
macro_rules! there_and_back {
    ($message:ident, $body:expr) => {{
        let _ = $message::parse($body, &ReadOptions::lenient());
        let strict = ReadOptions::default();
        if let Ok(read) = $message::parse($body, &strict) {
            let written = read.message.to_json();
            let again = $message::parse(&written, &strict).expect("what was written can be read");
            assert_eq!(again.message.to_json(), written);
        }
    }};
}

/// In pieces of seven octets, and whole.
macro_rules! in_pieces {
    ($message:ident, $reader:ident, $body:expr) => {{
        for options in [ReadOptions::default(), ReadOptions::lenient()] {
            let mut reader = $reader::new(&options);
            let fed = $body.chunks(7).try_for_each(|piece| reader.feed(piece));
            let pieces = fed.and_then(|()| reader.finish()).map(|read| read.message.to_json());
            let whole = $message::parse($body, &options).map(|read| read.message.to_json());
            assert_eq!(pieces.ok(), whole.ok());
        }
    }};
}

fuzz_target!(|octets: &[u8]| {
    let Some((kind, body)) = octets.split_first() else { return };
    match kind {
        b'd' => there_and_back!(Directory, body),
        b'n' => {
            there_and_back!(NetworkMap, body);
            in_pieces!(NetworkMap, NetworkMapReader, body);
        }
        b'c' => {
            there_and_back!(CostMap, body);
            in_pieces!(CostMap, CostMapReader, body);
        }
        b'N' => there_and_back!(NetworkMapFilter, body),
        b'C' => there_and_back!(CostMapFilter, body),
        b'E' => there_and_back!(EndpointCostRequest, body),
        b'e' => there_and_back!(EndpointCosts, body),
        b'P' => there_and_back!(EndpointPropertyRequest, body),
        b'p' => there_and_back!(EndpointProperties, body),
        _ => there_and_back!(ErrorBody, body),
    }
});
