//! The spans that a plugin makes of its own work, kept for the test to look at.

use std::cell::RefCell;
use std::rc::Rc;

use crate::{Attribute, OpenSpan};

/// A span that the plugin made. The host keeps the times, so there are none here.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanMade {
    /// Its name.
    pub name: String,
    /// Index of the span in [`MockHost::spans_made`](super::MockHost::spans_made) that it is a child of; `None`: a child of
    /// the plugin's call.
    pub parent: Option<usize>,
    /// Its attributes, each key once.
    pub attributes: Vec<Attribute>,
    /// What happened during it.
    pub events: Vec<EventMade>,
    /// Why it failed, where the plugin said so.
    pub error: Option<String>,
    /// Whether it was ended, or dropped, which ends it too.
    pub ended: bool,
}

/// An event of a [`SpanMade`].
#[derive(Debug, Clone, PartialEq)]
pub struct EventMade {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Made(Rc<RefCell<Vec<SpanMade>>>);

impl Made {
    pub(super) fn all(&self) -> Vec<SpanMade> {
        self.0.borrow().clone()
    }

    pub(super) fn start(&self, name: &str, attributes: &[Attribute]) -> Handle {
        let mut spans = self.0.borrow_mut();
        let parent = spans.iter().rposition(|span| !span.ended);
        let mut span = SpanMade {
            name: name.to_owned(),
            parent,
            attributes: Vec::new(),
            events: Vec::new(),
            error: None,
            ended: false,
        };
        attributes.iter().for_each(|attribute| set(&mut span.attributes, attribute));
        spans.push(span);
        Handle { made: self.clone(), index: spans.len() - 1 }
    }
}

fn set(attributes: &mut Vec<Attribute>, attribute: &Attribute) {
    match attributes.iter_mut().find(|known| known.key == attribute.key) {
        Some(known) => known.value = attribute.value.clone(),
        None => attributes.push(attribute.clone()),
    }
}

/// One of them, while it is open.
#[derive(Debug)]
pub(super) struct Handle {
    made: Made,
    index: usize,
}

impl Handle {
    /// Nothing changes a span that has ended.
    fn change(&self, change: impl FnOnce(&mut SpanMade)) {
        if let Some(span) = self.made.0.borrow_mut().get_mut(self.index).filter(|span| !span.ended) {
            change(span);
        }
    }
}

impl OpenSpan for Handle {
    fn set_attribute(&self, attribute: &Attribute) {
        self.change(|span| set(&mut span.attributes, attribute));
    }

    fn add_event(&self, name: &str, attributes: &[Attribute]) {
        self.change(|span| span.events.push(EventMade { name: name.to_owned(), attributes: attributes.to_vec() }));
    }

    fn fail(&self, message: &str) {
        self.change(|span| span.error = Some(message.to_owned()));
    }

    fn end(&self) {
        self.change(|span| span.ended = true);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}
