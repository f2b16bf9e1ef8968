//! `forensic-host serve` with the real binary over real HTTP: who may ask, what is shown, what is never shown, what happens live, and
//! how much of it can be asked for.

mod browser;
mod files;
mod guard;
mod hostile;
mod limits;
mod list;
mod live;
mod pages;
