//! Accepts connections and serves HTTP/1.1 on them, over TLS if need be, until told to stop.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::connection::{Control, Socket};
use crate::service::Service;

pub(super) async fn run(
    listener: TcpListener,
    service: Arc<Service>,
    tls: Option<Arc<ServerConfig>>,
    mut stopping: watch::Receiver<bool>,
    done: watch::Sender<bool>,
) {
    let mut connections = JoinSet::new();
    let mut next_id = 0;
    loop {
        tokio::select! {
            // An error means that the server was dropped.
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => {
                // Failures concern only the one connection, or pass.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&service), tls.clone(), next_id));
                    next_id += 1;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
    done.send_replace(true);
}

async fn serve(stream: TcpStream, service: Arc<Service>, tls: Option<Arc<ServerConfig>>, id: u64) {
    // Without it, small answers wait for the acknowledgement of the one before.
    drop(stream.set_nodelay(true));
    let control = Arc::new(Control::new(id));
    let socket = Socket::new(stream, Arc::clone(&control));
    match tls {
        None => talk(socket, service, control).await,
        Some(config) => {
            // An error is that of a client that does not trust the certificate, or speaks no such version.
            if let Ok(stream) = TlsAcceptor::from(config).accept(socket).await {
                talk(stream, service, control).await;
            }
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    service: Arc<Service>,
    control: Arc<Control>,
) {
    let handler = service_fn(|request| {
        let (service, control) = (Arc::clone(&service), Arc::clone(&control));
        async move { service.handle(request, control).await }
    });
    let io = TokioIo::new(stream);
    let mut connection = http1::Builder::new().serve_connection(io, handler);
    tokio::select! {
        // Errors are those of clients that went away.
        _ = &mut connection => return,
        () = control.ended() => {}
    }
    if control.is_half_closed() {
        let mut socket = connection.into_parts().io.into_inner();
        if socket.shutdown().await.is_ok() {
            // Until the client has closed its half; an error ends it as well.
            drop(tokio::io::copy(&mut socket, &mut tokio::io::sink()).await);
        }
    }
}
