//! A client that is gone without a word.

use std::os::fd::OwnedFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::oneshot;

/// Is ready when nobody can read `output` any more. What is written then would be lost, and what is worked on wasted;
/// writing alone would show it only once there is an answer.
pub(crate) async fn hung_up(output: OwnedFd) {
    let (gone, wait) = oneshot::channel();
    let watch = move || {
        // Asked for nothing: that the other end is closed is always told, and never of a file or a terminal in use.
        let closed = poll(&mut [PollFd::new(&output, PollFlags::empty())], None);
        if closed.is_ok() {
            // Nobody waits any more where the session ended first.
            let _ = gone.send(());
        }
    };
    // The thread is left behind when the session ends first; it holds nothing but its descriptor.
    if thread::Builder::new().name("hang-up".to_owned()).spawn(watch).is_err() || wait.await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_reader_is_noticed() {
        let (reader, writer) = std::io::pipe().unwrap();
        let noticed = tokio::spawn(hung_up(writer.into()));
        drop(reader);
        noticed.await.unwrap();
    }
}
