//! Facts about the machine and the program that a reader of a record asks for first.
//!
//! Not recorded, because they tell about people or reach further than this run: user and group names, home folders, network
//! addresses, the machine id, the environment.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The most that is read of a file below `/proc` and `/sys`. The first processor of `/proc/cpuinfo` fits; the whole file of
/// a large machine takes the kernel milliseconds to write.
const MAX_FACT: u64 = 4 << 10;

/// The machine. What can't be known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Its name, as the kernel has it. In a container that is the container's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Release of the kernel, such as `6.12.41-amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// `PRETTY_NAME` of `/etc/os-release`: what the stages' libraries came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Model of the first processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Memory of the machine, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The lowest memory limit of the control groups (version 2) that the host runs in, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Id of this boot of the kernel: made by chance at each start, it ties a run to the system's own logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
}

impl HostFacts {
    /// Reads them; takes well under a millisecond.
    pub fn collect() -> Self {
        let line = |path: &str| {
            read(Path::new(path)).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && text != "(none)")
        };
        Self {
            hostname: line("/proc/sys/kernel/hostname"),
            kernel: line("/proc/sys/kernel/osrelease"),
            distribution: read(Path::new("/etc/os-release")).and_then(|text| distribution(&text)),
            cpu_model: read(Path::new("/proc/cpuinfo")).and_then(|text| value(&text, "model name", ':')),
            memory_bytes: read(Path::new("/proc/meminfo")).and_then(|text| memory(&text)),
            memory_limit_bytes: read(Path::new("/proc/self/cgroup"))
                .and_then(|text| memory_limit(&text, Path::new("/sys/fs/cgroup"))),
            boot_id: line("/proc/sys/kernel/random/boot_id"),
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FACT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of the first line with this key.
fn value(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(found, _)| found.trim() == key)
        .map(|(_, value)| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

fn distribution(os_release: &str) -> Option<String> {
    value(os_release, "PRETTY_NAME", '=').map(|name| name.trim_matches(['"', '\'']).to_owned())
}

/// `MemTotal: 16384 kB` in bytes.
fn memory(meminfo: &str) -> Option<u64> {
    let kib: u64 = value(meminfo, "MemTotal", ':')?.strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The lowest `memory.max` from the group of `/proc/self/cgroup` up.
fn memory_limit(cgroup: &str, root: &Path) -> Option<u64> {
    let group = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // A group outside of our namespace is shown with `..`.
    let group = if group.split('/').any(|part| part == "..") { "" } else { group };
    let limit = |group: &Path| read(&root.join(group).join("memory.max"))?.trim().parse().ok();
    Path::new(group).ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_words() {
        assert_eq!(memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16384 * 1024));
        assert_eq!(memory("MemTotal: much\n"), None);
        assert_eq!(distribution("ID=x\nPRETTY_NAME=\"A System 12\"\n").as_deref(), Some("A System 12"));
        let cpu = value("processor\t: 0\nmodel name\t: A CPU: fast\nmodel name\t: B\n", "model name", ':');
        assert_eq!(cpu.as_deref(), Some("A CPU: fast"));
    }

    #[test]
    fn the_lowest_limit_of_the_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        std::fs::write(root.path().join("a/memory.max"), "1000\n").unwrap();
        std::fs::write(root.path().join("a/b/memory.max"), "max\n").unwrap();
        assert_eq!(memory_limit("0::/a/b\n", root.path()), Some(1000));
        assert_eq!(memory_limit("0::/\n", root.path()), None);
        assert_eq!(memory_limit("0::/../a\n", root.path()), None);
        assert_eq!(memory_limit("1:memory:/a\n", root.path()), None);
    }

    #[test]
    fn the_machine_has_a_kernel_and_memory() {
        let facts = HostFacts::collect();
        assert!(facts.kernel.is_some() && facts.memory_bytes.is_some_and(|bytes| bytes > 1 << 20), "{facts:?}");
    }
}
