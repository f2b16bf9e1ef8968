//! Looking up a host's name. The system's call can hang for half a minute and can't be called off, so it gets a
//! thread of its own, and only one at a time: a dead name server must not use up threads that others need.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::{Semaphore, oneshot};
use tower_service::Service;

#[derive(Clone)]
pub(super) struct Lookup {
    one_at_a_time: Arc<Semaphore>,
}

impl Lookup {
    pub(super) fn new() -> Self {
        Self { one_at_a_time: Arc::new(Semaphore::new(1)) }
    }
}

impl Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let one_at_a_time = self.one_at_a_time.clone();
        Box::pin(async move {
            let permit = one_at_a_time.acquire_owned().await.map_err(io::Error::other)?;
            let (tell, answer) = oneshot::channel();
            thread::Builder::new().name("otlp-lookup".to_owned()).spawn(move || {
                // The port is set by who asks.
                let addresses = (name.as_str(), 0).to_socket_addrs();
                drop(permit);
                // Nobody listens if it took too long.
                let _ = tell.send(addresses);
            })?;
            answer.await.map_err(io::Error::other)?
        })
    }
}
