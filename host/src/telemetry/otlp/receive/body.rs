//! Bodies, never larger than allowed: read from the wire, taken out of gRPC's frame, inflated.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::Semaphore;

use super::answer::Problem;

/// A body may grow to this without asking for one of the few large places, bytes. Batches of SDKs (512 spans) are
/// mostly smaller.
const SMALL: usize = 256 << 10;

/// How much of a body that nobody wants is read all the same, so that the sender gets to read the answer.
const DISCARDED: usize = 64 << 20;

/// Bytes before each gRPC message: a flag (compressed) and the length, big endian.
const FRAME: usize = 5;

/// Reads a whole body. `large`: places for bodies over 256 KiB; there are few, which is what bounds memory.
pub(super) async fn read<B>(mut body: B, limit: usize, large: &Semaphore) -> Result<Vec<u8>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut read = Vec::new();
    let mut place = None;
    while let Some(frame) = body.frame().await {
        // The sender broke off or wrote no proper HTTP: there is nobody to answer.
        let frame = frame.map_err(|_| Problem::Bad("the body broke off".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        let len = read.len() + data.len();
        if len > limit {
            drop(read);
            discard(body).await;
            return Err(Problem::TooLarge { what: "on the wire", limit });
        }
        if len > SMALL && place.is_none() {
            place = large.acquire().await.ok();
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

/// Reads and forgets.
pub(super) async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.into_data().map_or(0, |data| data.len());
        if read > DISCARDED {
            return;
        }
    }
}

/// The one message of a unary gRPC request, and whether it is compressed.
pub(super) fn unframe(body: &[u8]) -> Result<(&[u8], bool), Problem> {
    let broken = |what: &str| Err(Problem::Bad(format!("the gRPC message is {what}")));
    let Some((frame, message)) = body.split_at_checked(FRAME) else {
        return broken("missing");
    };
    let compressed = match frame[0] {
        0 => false,
        1 => true,
        _ => return broken("marked with an unknown flag"),
    };
    let len = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    if usize::try_from(len) != Ok(message.len()) {
        return broken("not as long as it says, or not the only one");
    }
    Ok((message, compressed))
}

/// Puts gRPC's frame before a message.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(FRAME + message.len());
    framed.push(0);
    // Answers are short: a few hundred bytes at most.
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

/// Undoes gzip, and stops where the result is larger than `limit`: of a bomb no more is ever unpacked.
pub(super) fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let mut inflated = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut inflated)
        .map_err(|error| Problem::Bad(format!("the body is no gzip: {error}")))?;
    if inflated.len() > limit {
        return Err(Problem::TooLarge { what: "after gzip was undone", limit });
    }
    Ok(inflated)
}
