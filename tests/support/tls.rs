//! TLS in front of a test's own server, with a certificate of nobody's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A listener that speaks TLS and passes everything on. It stops when it is dropped.
pub(crate) struct Tls {
    address: SocketAddr,
    certificate: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tls {
    /// In front of `port` on loopback, with a certificate for `name`.
    pub(crate) fn in_front_of(port: u16, name: &str) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap()));
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tokio::spawn(pass_on(acceptor.clone(), stream, port));
                    }
                };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), certificate: cert.pem(), stop: Some(stop), thread: Some(thread) }
    }

    /// The endpoint behind it.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/mcp", self.address)
    }

    /// Whom one has to trust.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }
}

#[expect(clippy::disallowed_methods, reason = "it connects to the test's own server")]
async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, port: u16) {
    if let (Ok(mut front), Ok(mut back)) =
        (acceptor.accept(stream).await, TcpStream::connect(("127.0.0.1", port)).await)
    {
        let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
