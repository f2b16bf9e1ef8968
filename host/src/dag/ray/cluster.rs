//! What is known of the cluster: its nodes and their clocks, whether they can run stages, and what `run.json` says of them.

use serde::{Deserialize, Serialize};

use super::error::RayError;
use super::lines::{ClockNews, Node, NodeNews, Ready};
use super::process::plain;
use crate::conventions::cluster_auth;
use crate::pipeline::{Files, RayConfig};
use crate::redact::Redactor;

/// Resources that every node has, whether it takes stages or not.
const BOOKKEEPING: [&str; 2] = ["memory", "object_store_memory"];

/// The cluster that a run used, as `run.json` keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Version of Ray.
    pub ray: String,
    /// Version of the bridge's Python.
    pub python: String,
    /// How it lets one in: `token`, `none`, or `none_allowed` where the pipeline says that this is meant.
    pub auth: String,
    /// Its nodes, also those that are gone, in the order in which they were seen.
    pub nodes: Vec<NodeRecord>,
    /// Warnings that were told before the first stage ran, and about nodes that went.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// A node of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its id.
    pub id: String,
    /// Its address.
    pub name: String,
    /// It is the cluster's head.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub head: bool,
    /// Its processor architecture, where it told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arch: Option<String>,
    /// Processors that it offers.
    #[serde(default)]
    pub cpus: f64,
    /// Its clock minus the host's, ns, as last measured; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offset_ns: Option<i64>,
    /// How far from the truth that can be, ns.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bound_ns: Option<u64>,
    /// Why it went, while the run went on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lost: Option<String>,
}

/// The cluster as it is known now.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) record: ClusterRecord,
}

impl Cluster {
    /// Judges what the bridge found.
    pub(super) fn check(ready: &Ready, config: &RayConfig, redactor: &Redactor) -> Result<Self, RayError> {
        let mut record = ClusterRecord {
            ray: short(&ready.ray),
            python: short(&ready.python),
            auth: match ready.auth.as_str() {
                cluster_auth::TOKEN => cluster_auth::TOKEN,
                _ if config.allow_unauthenticated => cluster_auth::ALLOWED,
                _ => cluster_auth::NONE,
            }
            .to_owned(),
            ..ClusterRecord::default()
        };
        let mut problems = Vec::new();
        let mut workers = 0;
        for node in &ready.nodes {
            record.nodes.push(NodeRecord {
                id: short(&node.node),
                name: short(&node.name),
                head: node.head,
                arch: node.arch.as_deref().map(short),
                cpus: node.total.get("CPU").copied().unwrap_or(0.0),
                offset_ns: node.offset_ns,
                bound_ns: node.bound_ns,
                lost: None,
            });
            let problem = problem(node, config).map(|problem| plain(&problem, redactor).unwrap_or_default());
            if !takes_stages(node) {
                continue;
            }
            workers += 1;
            problems.extend(problem.map(|problem| format!("  {}: {problem}", short(&node.name))));
        }
        if !problems.is_empty() {
            return Err(RayError::Nodes(problems));
        }
        if workers == 0 {
            return Err(RayError::NoNodes);
        }
        if record.auth == cluster_auth::NONE {
            record.warnings.push(
                "the Ray cluster lets anybody in who reaches its ports: whoever does can run commands on its nodes. Start it with \
                 RAY_AUTH_MODE=token, or say `allow_unauthenticated = true` in [executor] if its network is closed"
                    .to_owned(),
            );
        }
        Ok(Self { record })
    }

    /// A node came or went; what is to be told of it.
    pub(super) fn node(&mut self, news: &NodeNews, redactor: &Redactor) -> Option<String> {
        let (id, name) = (short(&news.node), short(&news.name));
        let known = self.record.nodes.iter_mut().find(|node| node.id == id);
        if news.alive {
            if known.is_none() {
                self.record.nodes.push(NodeRecord { id, name, ..NodeRecord::default() });
            }
            return None;
        }
        let why =
            news.why.as_deref().and_then(|why| plain(why, redactor)).unwrap_or_else(|| "no reason is known".into());
        let text = format!("the node {name} was lost: {why}");
        match known {
            Some(node) => node.lost = Some(why),
            None => self.record.nodes.push(NodeRecord { id, name, lost: Some(why), ..NodeRecord::default() }),
        }
        self.record.warnings.push(text.clone());
        Some(text)
    }

    pub(super) fn clock(&mut self, news: &ClockNews) {
        if let Some(node) = self.record.nodes.iter_mut().find(|node| node.id == news.node) {
            (node.offset_ns, node.bound_ns) = (Some(news.offset_ns), Some(news.bound_ns));
        }
    }

    /// Offset and bound of a node's clock.
    pub(super) fn offset(&self, node: &str) -> Option<(i64, u64)> {
        let node = self.record.nodes.iter().find(|known| known.id == node)?;
        Some((node.offset_ns?, node.bound_ns?))
    }
}

/// Whether Ray could place a stage there.
fn takes_stages(node: &Node) -> bool {
    let own = |name: &str| BOOKKEEPING.contains(&name) || name.starts_with("node:");
    node.total.iter().any(|(name, &amount)| !own(name) && amount > 0.0)
}

fn problem(node: &Node, config: &RayConfig) -> Option<String> {
    if let Some(problem) = &node.problem {
        return Some(problem.clone());
    }
    if config.files == Files::Shared && node.shared == Some(false) {
        return Some(
            "it does not see the run directory under the same path. Put `root` on a file system that all nodes share, or say \
             `files = \"ship\"` in [executor]"
                .to_owned(),
        );
    }
    let ours = std::env::consts::ARCH;
    let other = node.arch.as_deref().filter(|arch| canonical(arch) != ours)?;
    (config.worker == crate::pipeline::WorkerSource::Ship).then(|| {
        format!(
            "it is {other}, and this program, which has to run there, is {ours}. Put a build for it under one path on every node and name \
             that with `worker` in [executor]"
        )
    })
}

/// The name that Rust has for what `uname -m` says.
fn canonical(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

/// A name from elsewhere, as long as names are.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(128).collect()
}
