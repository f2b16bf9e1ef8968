//! Colours of the terminal, each with one meaning; what is said never depends on them.

use anstyle::{AnsiColor, Style};

/// It went well.
pub(in crate::cli) const GOOD: Style = AnsiColor::Green.on_default();
/// It did not.
pub(in crate::cli) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Look here.
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
/// Less important.
pub(super) const DIM: Style = Style::new().dimmed();
/// More important.
pub(super) const BOLD: Style = Style::new().bold();
