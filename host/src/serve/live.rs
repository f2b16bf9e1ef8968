//! A run that goes on, as it goes on: server-sent events. However many watch a run, one task reads it.
//!
//! | event | data |
//! |---|---|
//! | `columns` | what stands in the page's `#data`, of now |
//! | `end` | `{"state": "ended", "killed" or "broken"}`: the page is to be loaded again |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Body, Policy, Problem, media};
use super::app::App;
use super::limits::{HEARTBEAT, LOOK, REFRESH, SHARE, WATCHERS};
use super::view::RunView;
use crate::directory::{DATA, RunDirectory, RunId};
use crate::report;
use crate::runs::{State, entry};
use crate::telemetry::journal_size;

/// The runs that are watched.
#[derive(Debug)]
pub(super) struct Live {
    places: Arc<Semaphore>,
    watched: Mutex<HashMap<String, watch::Sender<News>>>,
}

/// The newest of a run; nothing before it was looked at for the first time.
type News = Option<Event>;

#[derive(Clone, Debug)]
struct Event {
    text: Bytes,
    last: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(WATCHERS)), watched: Mutex::default() }
    }
}

/// Answers with what happens in a run from now on.
pub(super) async fn follow(app: Arc<App>, run: RunId) -> Result<Answer, Problem> {
    let Ok(place) = Arc::clone(&app.live().places).try_acquire_owned() else {
        let what = format!("{WATCHERS} pages are watching runs already");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, what, "Reload the page to see how far the run is."));
    };
    let opened = {
        let (app, run) = (Arc::clone(&app), run.clone());
        tokio::task::spawn_blocking(move || app.run(run.as_str()).map(drop)).await
    };
    opened.unwrap_or_else(|error| Err(Problem::internal(error)))?;
    let news = subscribe(&app, run.as_str());
    let (events, taken) = mpsc::channel(1);
    tokio::spawn(feed(news, events, place));
    Ok(Answer::new(media::EVENTS, Policy::Foreign, Body::Pieces(taken, None)))
}

/// News of a run, by the task that reads it already, or a new one.
fn subscribe(app: &Arc<App>, run: &str) -> watch::Receiver<News> {
    let mut watched = app.live().watched.lock().unwrap_or_else(PoisonError::into_inner);
    let mut news = match watched.get(run) {
        Some(sender) => sender.subscribe(),
        None => {
            let (sender, news) = watch::channel(None);
            watched.insert(run.to_owned(), sender.clone());
            tokio::spawn(read(Arc::clone(app), run.to_owned(), sender));
            news
        }
    };
    // What is known already is news for whoever comes.
    news.mark_changed();
    news
}

/// Sends news to one watcher, and a sign of life in between.
async fn feed(
    mut news: watch::Receiver<News>,
    events: mpsc::Sender<std::io::Result<Bytes>>,
    _place: OwnedSemaphorePermit,
) {
    let mut last = false;
    while !last {
        let text = tokio::select! {
            changed = news.changed() => {
                // The task that reads has ended without a last word: the browser asks again.
                if changed.is_err() {
                    return;
                }
                let Some(event) = news.borrow_and_update().clone() else { continue };
                last = event.last;
                event.text
            }
            () = sleep(HEARTBEAT) => Bytes::from_static(b": nothing new\n\n"),
            () = events.closed() => return,
        };
        if events.send(Ok(text)).await.is_err() {
            return;
        }
    }
}

/// Reads a run as long as somebody watches it and it goes on.
async fn read(app: Arc<App>, run: String, news: watch::Sender<News>) {
    let mut seen = None;
    loop {
        let began = Instant::now();
        let looked = {
            let (app, run) = (Arc::clone(&app), run.clone());
            tokio::task::spawn_blocking(move || look(&app, &run, seen)).await
        };
        let (event, now) = looked.unwrap_or_else(|_| (Some(end(State::Broken)), None));
        seen = now;
        let over = event.as_ref().is_some_and(|event| event.last);
        if event.is_some() {
            news.send_replace(event);
        }
        if over {
            app.live().forget(&run, |_| true);
            return;
        }
        // A large run is looked at less often, so that watching it takes a small share of the machine.
        sleep(LOOK.max(began.elapsed() * SHARE)).await;
        if app.live().forget(&run, |news| news.receiver_count() == 0) {
            return;
        }
    }
}

impl Live {
    /// Forgets a run's reader where `whether` says so; nobody can come in between.
    fn forget(&self, run: &str, whether: impl FnOnce(&watch::Sender<News>) -> bool) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = watched.get(run).is_none_or(whether);
        if forgotten {
            watched.remove(run);
        }
        forgotten
    }
}

/// Size of a journal, and when it was read.
type Seen = Option<(u64, Instant)>;

/// What is new since the journal was read.
fn look(app: &App, run: &str, seen: Seen) -> (Option<Event>, Seen) {
    let Ok(directory) = app.run(run) else { return (Some(end(State::Broken)), None) };
    let state = entry(&directory).state;
    if state != State::Running {
        return (Some(end(state)), None);
    }
    let size = size(&directory);
    if seen.is_some_and(|(before, at)| before == size && at.elapsed() < REFRESH) {
        return (None, seen);
    }
    // Where it can't be read, its record is written anew at this moment, say.
    let data = RunView::read(&directory).ok().and_then(|view| report::data(&view.input()));
    (data.map(|data| columns(&data)), Some((size, Instant::now())))
}

fn size(directory: &RunDirectory) -> u64 {
    directory.folder(DATA).ok().and_then(|data| journal_size(&data).ok()?).unwrap_or(0)
}

fn columns(data: &str) -> Event {
    // JSON has no line break but between its parts, and this one has none there.
    let data: String = data.lines().collect();
    Event { text: format!("event: columns\ndata: {data}\n\n").into(), last: false }
}

fn end(state: State) -> Event {
    let data = json!({ "state": state.word() });
    Event { text: format!("event: end\ndata: {data}\n\n").into(), last: true }
}
