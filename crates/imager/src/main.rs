//! ambit.

fn main() {}
