//! Changed iso images: walked, and everything on them read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::file_system(input, |_| ()));
