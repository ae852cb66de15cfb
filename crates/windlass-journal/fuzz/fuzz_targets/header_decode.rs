//! Any bytes against the header decoder: no panic, and whatever is accepted
//! encodes to the same bytes again.
//!
//! Run from the crate's folder: `RUSTC_BOOTSTRAP=1 cargo fuzz run header_decode`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_journal::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode(), bytes);
    }
});
