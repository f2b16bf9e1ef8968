//! Whole reports: golden files, hostile texts through real parsers, charts, sizes, the terminal.

mod charts;
mod corpus;
mod flow;
mod golden;
mod hostile;
mod inside;
mod page;
mod reading;
mod sample;
mod size;
mod terminal;
