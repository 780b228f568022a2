//! How connections come in: so many at a time, and only from those who get to the point.

use super::Tls;
use rustls_pki_types::CertificateDer;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Connections at a time. Whoever comes on top waits in the queue of the operating system.
const CONNECTIONS_MAX: usize = 1_024;

/// How long somebody has to say who they are, or anything at all.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(5);

/// What every HTTP/2 connection begins with is so long.
const PREFACE_LENGTH: usize = 24;

/// A connection.
pub(super) struct Socket {
    stream: Stream,
    certificate: Option<CertificateDer<'static>>,
    _permit: OwnedSemaphorePermit,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

/// Who has called: the certificate that was shown, if it is TLS.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Option<CertificateDer<'static>>);

impl Connected for Socket {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller(self.certificate.clone())
    }
}

/// Takes in connections for as long as somebody takes them.
pub(super) fn accept(listener: TcpListener, tls: Option<Tls>) -> ReceiverStream<io::Result<Socket>> {
    let (sockets, incoming) = mpsc::channel(16);
    tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await.expect("it is never closed");
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = sockets.closed() => return,
            };
            let Ok((stream, _)) = accepted else {
                // Such as too many open files: it passes, but not at once.
                time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (sockets, tls) = (sockets.clone(), tls.clone());
            tokio::spawn(async move {
                let introduced = time::timeout(INTRODUCTION_TIMEOUT, introduce(stream, tls, permit)).await;
                if let Ok(Ok(socket)) = introduced {
                    // Nobody takes connections any more.
                    let _ = sockets.send(Ok(socket)).await;
                }
            });
        }
    });
    ReceiverStream::new(incoming)
}

async fn introduce(stream: TcpStream, tls: Option<Tls>, permit: OwnedSemaphorePermit) -> io::Result<Socket> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        let mut preface = [0; PREFACE_LENGTH];
        while stream.peek(&mut preface).await? < PREFACE_LENGTH {
            time::sleep(Duration::from_millis(5)).await;
        }
        return Ok(Socket { stream: Stream::Plain(stream), certificate: None, _permit: permit });
    };
    let acceptor = tls.acceptor().map_err(io::Error::other)?;
    let stream = acceptor.accept(stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = shown.map(|certificate| certificate.clone().into_owned());
    Ok(Socket { stream: Stream::Tls(Box::new(stream)), certificate, _permit: permit })
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}
