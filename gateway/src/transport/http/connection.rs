//! One connection, with one request at a time.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::Front;
use super::impatient::Impatient;

/// How long a connection may take to send a request's head, or be idle before it.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The most headers of a request, and the most bytes of its head.
const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 32 << 10;

/// How much is read or written at once.
const BUFFER: usize = 64 << 10;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, front: Arc<Front>) {
    // Answers are written whole: there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    let mut closing = front.closing.clone();
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Impatient::new(stream)), service)
    );
    // A client that breaks off, or sends no HTTP, has been told so where it can be told.
    tokio::select! {
        _ = &mut connection => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
