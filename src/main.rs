//! The process's edge. There is nothing behind it yet.

fn main() {}
