//! Whole reports: golden files, hostile texts through real parsers, charts, sizes.

mod charts;
mod corpus;
mod golden;
mod hostile;
mod inside;
mod page;
mod reading;
mod sample;
mod size;
