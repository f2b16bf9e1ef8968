//! Accepting connections, for the servers of this program: what stages send comes in at one, and browsers ask the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

/// How long accepting rests after the system refused a connection, as it does when files run out, and how often idle connections
/// are asked to leave when there is no place for another.
const REST: Duration = Duration::from_millis(50);

/// Accepts connections, each into one of the `places`, and has `serve` look after it in a task of its own. Its [`Notify`] asks idle
/// connections to leave. Goes on until it is dropped.
pub(crate) async fn accept<F>(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    serve: impl Fn(TcpStream, Arc<Notify>) -> F + Send,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Notify::new());
    loop {
        // Without a place the others wait in the system's queue.
        let place = match timeout(REST, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return,
            Err(_) => {
                room.notify_waiters();
                continue;
            }
        };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        // Waiting to fill a packet only delays answers. If it can't be set they are just slower.
        let _ = stream.set_nodelay(true);
        let served = serve(stream, Arc::clone(&room));
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}
