//! A real Ray: the same pipelines on a cluster of several nodes on this machine, and the cluster broken in every way that is
//! told apart. Here: which cluster a test gets (`cluster`), one run on it (`trial`), and processes (`process`).
//!
//! | module | what |
//! |---|---|
//! | `example` | the example on two nodes: the same report, every span once (called by `example.rs`) |
//! | `spans` | spans of stages on their way back, over every protocol; skewed clocks |
//! | `place` | where stages run: mixed pipelines, resources, labels, a queue without end |
//! | `faults`, `nodes`, `cut` | what is killed and lost, how it is told, and that nothing goes on |
//! | `cancel` | Ctrl-C, once and twice, and time limits |
//! | `logs`, `secrets`, `ship` | output, what must not be in it, and files |
//! | `before` | what is wrong before any stage runs |
//! | `hundred` | a hundred stages that do nothing |

mod before;
mod cancel;
mod cluster;
mod cut;
mod example;
mod faults;
mod hundred;
mod logs;
mod nodes;
mod place;
mod process;
mod secrets;
mod ship;
mod spans;
mod trial;

pub(crate) use example::the_same_there;
