//! A server that answers every request with the same bytes, or with none, and then closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct RawServer {
    pub(crate) endpoint: String,
    requests: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl RawServer {
    pub(crate) async fn answering(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU32::new(0));
        let counted = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counted = counted.clone();
                // A client that goes away is no failure of the server.
                tokio::spawn(async move { drop(serve(stream, answer, &counted).await) });
            }
        });
        Self {
            endpoint,
            requests,
            task,
        }
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: &[u8], requests: &AtomicU32) -> std::io::Result<()> {
    let mut received = Vec::new();
    let head = loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    let len = text
        .split_once("content-length:")
        .and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while received.len() < head + len {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    stream.write_all(answer).await?;
    stream.shutdown().await
}
