//! One request, from its head to its answer. Whatever touches the disk is done on a blocking thread, a few at a time.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Body as _;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::{Answer, Body, Policy, Problem, media};
use super::app::App;
use super::guard::{Guard, Pass};
use super::limits::{TURN, WORKERS};
use super::params::Params;
use super::route::{PageName, Route, route};
use super::{files, live, pages};

/// Where what goes wrong is told, a line each.
pub(super) type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What all connections share.
pub(super) struct Handler {
    guard: Guard,
    app: Arc<App>,
    workers: Semaphore,
    tell: Tell,
}

impl Handler {
    pub(super) fn new(guard: Guard, app: App, tell: Tell) -> Self {
        Self { guard, app: Arc::new(app), workers: Semaphore::new(WORKERS), tell }
    }

    /// Answers a request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        // Nobody has to send us anything: it is not read, so the connection can't be used again.
        let has_body = !body.is_end_stream();
        drop(body);
        let answer = match self.guard.check(&head) {
            Ok(Pass::Granted) => self.granted(&head).await,
            Ok(Pass::Welcome { cookie, location }) => Ok(Answer::whole(media::TEXT, Policy::Foreign, "")
                .status(StatusCode::SEE_OTHER)
                .header(LOCATION, &location)
                .header(SET_COOKIE, &cookie)),
            Err(problem) => Err(problem),
        };
        let answer = answer.unwrap_or_else(|problem| self.refuse(&head, &problem));
        let answer = if has_body { answer.header(CONNECTION, "close") } else { answer };
        Ok(answer.into_response())
    }

    async fn granted(&self, head: &Parts) -> Result<Answer, Problem> {
        let route = route(&head.uri).ok_or_else(|| Problem::not_found("there is no such page"))?;
        let query = Params::parse(head.uri.query().unwrap_or_default())?;
        let app = Arc::clone(&self.app);
        if let Route::Events(run) = route {
            return live::follow(app, run).await;
        }
        let Ok(Ok(_place)) = timeout(TURN, self.workers.acquire()).await else {
            let what = "the server is busy with other requests";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, what, "Try it again in a moment."));
        };
        tokio::task::spawn_blocking(move || work(&app, route, &query))
            .await
            .unwrap_or_else(|_| Err(Problem::internal("a fault of forensic-host: drawing this page ended too early")))
    }

    /// The page that says why not, and a line on standard error where it is our fault.
    fn refuse(&self, head: &Parts, problem: &Problem) -> Answer {
        if problem.status.is_server_error() && problem.status != StatusCode::SERVICE_UNAVAILABLE {
            let path: String = head.uri.path().chars().take(200).collect();
            (self.tell)(&format!("{path:?}: {problem}"));
        }
        let known = problem.status != StatusCode::UNAUTHORIZED && problem.status != StatusCode::MISDIRECTED_REQUEST;
        let page = pages::error::draw(problem, known);
        let answer = Answer::whole(media::HTML, Policy::Page, page).status(problem.status);
        match problem.status {
            StatusCode::METHOD_NOT_ALLOWED => answer.header(ALLOW, "GET, HEAD"),
            StatusCode::UNAUTHORIZED => answer.header(WWW_AUTHENTICATE, "Bearer realm=\"forensic-host\""),
            StatusCode::SERVICE_UNAVAILABLE => answer.header(RETRY_AFTER, "5"),
            _ => answer,
        }
    }
}

/// The blocking part.
fn work(app: &App, route: Route, query: &Params) -> Result<Answer, Problem> {
    let page = |name| match name {
        PageName::Runs => pages::list::page(app, query),
        PageName::Compare => pages::compare::page(app, query),
        PageName::Trends => pages::trends::page(app, query),
        PageName::Findings => pages::findings::page(app, query),
    };
    match route {
        Route::Page(name) => {
            let json = format!("{}{}", name.json_path(), query.with(&[]));
            let page = page(name)?;
            let json = page.json.is_some().then_some(json);
            let text = pages::skeleton::draw(&page, json.as_deref());
            Ok(Answer::whole(media::HTML, Policy::Page, text))
        }
        Route::Json(name) => Ok(Answer::whole(media::JSON, Policy::Foreign, page(name)?.into_json()?)),
        Route::Run(run) => Ok(Answer::whole(media::HTML, Policy::Page, pages::run::page(app, &run)?)),
        Route::Report(run) => Ok(Answer::whole(media::JSON, Policy::Foreign, pages::run::report(app, &run)?)),
        Route::File(run, file) => files::send(app, &run, &file),
        Route::Export(run, format) => files::export(app, &run, format),
        Route::Icon | Route::Events(_) => {
            Ok(Answer::whole(media::TEXT, Policy::Foreign, "").status(StatusCode::NO_CONTENT))
        }
    }
}
