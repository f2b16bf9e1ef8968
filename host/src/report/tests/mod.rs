//! Whole reports: golden files, hostile texts through real parsers, charts, sizes, the terminal.

mod bundle;
mod charts;
mod corpus;
mod data;
mod flow;
mod golden;
mod hostile;
mod inside;
mod page;
mod reading;
mod sample;
mod sections;
mod size;
mod terminal;
mod workers;
