//! The worker: runs one attempt on a node of a cluster and tells the host about it as it goes.
//!
//! May live here: what runs on the node. What the host does with a cluster is in `dag`.

pub mod protocol;
