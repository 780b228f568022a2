//! Who may say what: mutual TLS, version 1.3, and names in certificates.
//!
//! A cluster of the name `demo` has one certificate authority. What a certificate is good for, its names (subject
//! alternative names of the kind DNS) say:
//!
//! | name | for |
//! |---|---|
//! | `node-3.demo` | to speak as node 3 to its peers, and to be taken for it |
//! | `server.demo` | to be taken for a server of the cluster by clients |
//! | `client.demo` | to run commands |
//! | `admin.demo` | to look at servers and to change who belongs to the cluster |
//!
//! So the certificate of a server has the names `node-3.demo` and `server.demo`; it can run no commands, and no other
//! server can speak in its name.

use crate::lock::locked;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use seaworthy_core::types::NodeId;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// A side of every connection: a certificate, its key, and whom to believe. Clones share them, so that all are renewed
/// with one.
#[derive(Clone)]
pub struct Tls {
    cluster: Arc<str>,
    papers: Arc<Mutex<Papers>>,
}

#[derive(Clone)]
struct Papers {
    authority: String,
    certificate: String,
    key: String,
    /// Made of them when the first connection comes in.
    acceptor: Option<TlsAcceptor>,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Speak as this node.
    Node(NodeId),
    /// Run commands.
    Client,
    /// Look at servers, and change who belongs to the cluster.
    Admin,
}

/// Why the files for TLS are of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Others can read the key.
    #[error("{0} can be read by others: chmod 600 it first")]
    Exposed(String),
    /// What is in them is not what it should be.
    #[error("{what}: {reason}")]
    Content {
        /// What of them.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Role {
    /// The name that a certificate must have for this.
    pub fn name(self, cluster: &str) -> String {
        match self {
            Self::Node(node) => format!("node-{}.{cluster}", node.get()),
            Self::Client => format!("client.{cluster}"),
            Self::Admin => format!("admin.{cluster}"),
        }
    }
}

impl std::fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Tls {
    /// From texts in PEM: the certificate of the authority, the own one and its key.
    pub fn new(cluster: &str, authority: String, certificate: String, key: String) -> Self {
        let papers = Papers { authority, certificate, key, acceptor: None };
        Self { cluster: cluster.into(), papers: Arc::new(Mutex::new(papers)) }
    }

    /// From files.
    ///
    /// # Errors
    /// If one cannot be read, or the key can be read by others.
    pub fn read(
        cluster: &str,
        authority: &Path,
        certificate: &Path,
        key_file: &Path,
    ) -> Result<Self, TlsError> {
        use std::os::unix::fs::PermissionsExt;
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path);
            text.map_err(|source| TlsError::Read { path: path.display().to_string(), source })
        };
        let key = read(key_file)?;
        let mode = std::fs::metadata(key_file).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            return Err(TlsError::Exposed(key_file.display().to_string()));
        }
        Ok(Self::new(cluster, read(authority)?, read(certificate)?, key))
    }

    /// Whether a server may use them: peers and clients that believe the same authority take it for this node.
    ///
    /// # Errors
    /// Why they would not.
    pub fn check(&self, node: NodeId) -> Result<(), TlsError> {
        self.acceptor()?;
        let names = [Role::Node(node).name(&self.cluster), self.server_name()];
        locked(&self.papers).check(&names)
    }

    /// From now on every new connection uses what `newer` has. Those that are there go on.
    ///
    /// # Errors
    /// If that is of no use. Nothing has changed then.
    pub fn renew(&self, newer: &Self) -> Result<(), TlsError> {
        newer.acceptor()?;
        let papers = locked(&newer.papers).clone();
        *locked(&self.papers) = papers;
        Ok(())
    }

    /// For connections that come in: only from whom the authority has certified.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let mut papers = locked(&self.papers);
        let acceptor = papers.acceptor.clone().map_or_else(|| papers.acceptor(), Ok)?;
        papers.acceptor = Some(acceptor.clone());
        Ok(acceptor)
    }

    /// For connections that go out: to this very server, or to any of the cluster.
    pub(super) fn connector(&self, node: Option<NodeId>) -> ClientTlsConfig {
        let name = match node {
            Some(node) => Role::Node(node).name(&self.cluster),
            None => self.server_name(),
        };
        let papers = locked(&self.papers);
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&papers.authority))
            .identity(Identity::from_pem(&papers.certificate, &papers.key))
            .domain_name(name)
    }

    /// What any server of the cluster is called.
    fn server_name(&self) -> String {
        format!("server.{}", self.cluster)
    }

    /// The name that a certificate must have for this.
    pub(super) fn name(&self, role: Role) -> String {
        role.name(&self.cluster)
    }

    /// Whether who has shown this certificate may do this. That the authority has certified it was seen before.
    pub(super) fn allows(&self, certificate: &CertificateDer<'_>, role: Role) -> bool {
        bears(certificate, &self.name(role))
    }
}

/// Whether a certificate has this name.
fn bears(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(&name).is_ok())
}

/// What is wrong with one of the papers.
fn bad(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> TlsError {
    move |error| TlsError::Content { what, reason: error.to_string() }
}

impl Papers {
    fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let key = key.map_err(|error| bad("the key")(&error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| bad("the version")(&error))?
            .with_client_cert_verifier(self.verifier()?)
            .with_single_cert(self.chain()?, key);
        let mut config = config.map_err(|error| bad("the certificate")(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Whether the authority stands for the own certificate, and it has all of these names.
    fn check(&self, names: &[String]) -> Result<(), TlsError> {
        let bad = bad("the certificate");
        let chain = self.chain()?;
        let (own, intermediates) = chain.split_first().expect("a chain has a certificate");
        self.verifier()?
            .verify_client_cert(own, intermediates, UnixTime::now())
            .map_err(|error| bad(&format!("nobody would believe it: {error}")))?;
        match names.iter().find(|name| !bears(own, name)) {
            Some(name) => Err(bad(&format!("it is not for {name}"))),
            None => Ok(()),
        }
    }

    /// Who believes whom the authority has certified.
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let bad = bad("the authority");
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map_err(|error| bad(&error))
    }

    /// The own certificate, and those between it and the authority's.
    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let bad = bad("the certificate");
        let chain =
            CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| bad(&error))?;
        if chain.is_empty() { Err(bad(&"there is none")) } else { Ok(chain) }
    }
}
