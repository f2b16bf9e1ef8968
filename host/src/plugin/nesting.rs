//! How often a component instantiates others, counted before any compiler sees it.
//!
//! Each component may instantiate the one before it twice, and so k of them in a few bytes are 2^k instances, which no
//! limit of the compiler stops. The count here is never too small: what can't be known counts as the most that was seen.

use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Payload};

/// Instances that a component may have, with all that is in them. What the interpreters bring has fewer than a hundred.
const INSTANCES_MAX: u64 = 10_000;
/// Components inside of components.
const DEPTH_MAX: usize = 64;

/// Counts while a component is walked through.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    open: Vec<Frame>,
    /// The most instances of any component so far.
    most: u64,
    deepest: usize,
}

/// A component that has not ended.
#[derive(Debug, Default)]
struct Frame {
    /// Instances of each component that it can name.
    known: Vec<u64>,
    /// Its own.
    instances: u64,
    is_component: bool,
}

impl Nesting {
    /// The next part. What is malformed is left to others.
    pub(super) fn see(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::Version { encoding, .. } => {
                let is_component = *encoding == wasmparser::Encoding::Component;
                self.open.push(Frame { is_component, ..Frame::default() });
                self.deepest = self.deepest.max(self.open.len());
            }
            Payload::End(_) => {
                let Some(ended) = self.open.pop().filter(|frame| frame.is_component) else { return };
                self.most = self.most.max(ended.instances);
                self.know(ended.instances);
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone().into_iter().flatten() {
                    let inner = match instance {
                        ComponentInstance::Instantiate { component_index, .. } => self.at(0, component_index),
                        ComponentInstance::FromExports(_) => 0,
                    };
                    self.add(inner.saturating_add(1));
                }
            }
            Payload::InstanceSection(section) => self.add(u64::from(section.count())),
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone().into_iter().flatten() {
                    match alias {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            let instances = self.at(count as usize, index);
                            self.know(instances);
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                            self.know(self.most);
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone().into_iter().flatten() {
                    if matches!(import.ty, wasmparser::ComponentTypeRef::Component(_)) {
                        self.know(self.most);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone().into_iter().flatten() {
                    if export.kind == ComponentExternalKind::Component {
                        let instances = self.at(0, export.index);
                        self.know(instances);
                    }
                }
            }
            _ => {}
        }
    }

    /// What is too much of it, if anything.
    pub(super) fn verdict(&self) -> Option<String> {
        if self.deepest > DEPTH_MAX {
            return Some(format!("its components are nested more than {DEPTH_MAX} deep"));
        }
        (self.most > INSTANCES_MAX).then(|| {
            format!("its components instantiate each other {} times in all, and {INSTANCES_MAX} is the most", self.most)
        })
    }

    fn at(&self, outward: usize, index: u32) -> u64 {
        let frame = self.open.iter().rev().nth(outward);
        frame.and_then(|frame| frame.known.get(index as usize)).copied().unwrap_or(self.most)
    }

    fn know(&mut self, instances: u64) {
        if let Some(frame) = self.open.last_mut() {
            frame.known.push(instances);
        }
    }

    fn add(&mut self, instances: u64) {
        if let Some(frame) = self.open.last_mut() {
            frame.instances = frame.instances.saturating_add(instances);
            self.most = self.most.max(frame.instances);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<String> {
        let mut nesting = Nesting::default();
        for payload in wasmparser::Parser::new(0).parse_all(&wat::parse_str(text).unwrap()) {
            nesting.see(&payload.unwrap());
        }
        nesting.verdict()
    }

    /// Each component instantiates the one before it twice.
    fn doubling(levels: usize) -> String {
        let mut text = String::from("(component (component $c0 (core module $m) (core instance (instantiate $m)))");
        for level in 1..=levels {
            let below = level - 1;
            text +=
                &format!("(component $c{level} (instance (instantiate $c{below})) (instance (instantiate $c{below})))");
        }
        text + &format!("(instance (instantiate $c{levels})))")
    }

    #[test]
    fn doubling_is_counted_without_doubling() {
        assert_eq!(verdict(&doubling(10)), None);
        let counted = verdict(&doubling(20)).unwrap();
        // 2^20 core instances, and the instances that hold them.
        assert_eq!(counted, "its components instantiate each other 3145727 times in all, and 10000 is the most");
        assert!(verdict(&doubling(90)).unwrap().contains(&u64::MAX.to_string()));
    }

    #[test]
    fn doubling_through_exports_and_arguments_counts_as_the_most() {
        let text = "(component
            (component $c0 (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))
            (component $c1 (export \"c\" (component $c0)))
            (instance $i (instantiate $c1))
            (alias export $i \"c\" (component $alias))
            (instance (instantiate $alias)))";
        assert_eq!(verdict(text), None);
        let nested = format!("{}{}", "(component ".repeat(80), ")".repeat(80));
        assert_eq!(verdict(&nested).unwrap(), "its components are nested more than 64 deep");
    }
}
