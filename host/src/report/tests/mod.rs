//! Whole reports: golden files, hostile documents through a real parser, sizes.

mod golden;
mod hostile;
mod inside;
mod sample;
mod size;
