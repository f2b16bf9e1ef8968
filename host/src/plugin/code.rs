//! What a plugin's machine code takes.

use super::engine::Plugin;

impl Plugin {
    /// Bytes of its machine code, with the tables that belong to it.
    pub fn code_size(&self) -> u64 {
        let image = self.pre.instance_pre().component().image_range();
        image.end.addr().saturating_sub(image.start.addr()) as u64
    }
}
