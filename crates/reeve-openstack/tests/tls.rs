//! Certificates: good, of an unknown authority, for another name, of another time, and the switch that turns verification off.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use rcgen::{BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reeve_openstack::fake::FakeCloud;
use reeve_openstack::{CloudConfig, Problem, Session, SessionError, SessionOptions, TlsError};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    _holder: tempfile::TempDir,
    file: Utf8PathBuf,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let holder = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(holder.path().join("ca.pem")).unwrap();
    std::fs::write(&file, pem).unwrap();
    Authority {
        issuer: Issuer::new(params, key),
        _holder: holder,
        file,
    }
}

impl Authority {
    fn signed(&self, name: &str, until: Option<(i32, u8, u8)>) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        if let Some((year, month, day)) = until {
            params.not_before = rcgen::date_time_ymd(year - 1, month, day);
            params.not_after = rcgen::date_time_ymd(year, month, day);
        }
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn server(&self, name: &str, until: Option<(i32, u8, u8)>) -> Arc<ServerConfig> {
        let (certificate, key) = self.signed(name, until);
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private(&key))
            .unwrap();
        Arc::new(config)
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

async fn login(config: CloudConfig) -> Result<(), Problem> {
    let mut options = SessionOptions::default();
    options.limits.pause = Duration::from_millis(1);
    options.limits.answer = Duration::from_secs(5);
    let session = Session::connect(config, &options).unwrap();
    session.token().await.map(drop).map_err(|error| error.problem)
}

#[tokio::test]
async fn certificates_are_verified_against_the_named_authority() {
    let authority = authority();
    let cloud = FakeCloud::start_tls(authority.server("localhost", None), "localhost").await;
    let mut config = cloud.config();
    config.tls.ca_file = Some(authority.file.clone());
    assert_eq!(login(config.clone()).await, Ok(()));

    let other = self::authority();
    config.tls.ca_file = Some(other.file.clone());
    assert_eq!(login(config.clone()).await, Err(Problem::CertificateUnknown));
    assert!(
        cloud.state().requests.len() == 1,
        "no password was sent to a server that is not known"
    );

    config.tls.verify = false;
    config.tls.ca_file = None;
    assert_eq!(login(config).await, Ok(()));
}

#[tokio::test]
async fn certificates_for_another_name_or_time_are_refused() {
    let authority = authority();
    for (server, wanted) in [
        (authority.server("other.example", None), Problem::CertificateName),
        (
            authority.server("localhost", Some((2020, 1, 1))),
            Problem::CertificateTime,
        ),
        (
            authority.server("localhost", Some((2999, 1, 1))),
            Problem::CertificateTime,
        ),
    ] {
        let cloud = FakeCloud::start_tls(server, "localhost").await;
        let mut config = cloud.config();
        config.tls.ca_file = Some(authority.file.clone());
        assert_eq!(login(config).await, Err(wanted));
        assert!(cloud.state().requests.is_empty());
    }
}

#[tokio::test]
async fn tls_and_plain_do_not_mix() {
    let cloud = FakeCloud::start().await;
    let mut config = cloud.config();
    config.auth_url = config.auth_url.replace("http://", "https://");
    config.tls.verify = false;
    assert!(matches!(
        login(config).await,
        Err(Problem::Tls(_) | Problem::Unreachable(_) | Problem::Truncated)
    ));
}

#[tokio::test]
async fn files_that_are_no_certificates_are_said_before_anything_is_sent() {
    let cloud = FakeCloud::start().await;
    let holder = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(holder.path().join("x.pem")).unwrap();
    std::fs::write(&file, "nothing").unwrap();
    let refused = |config: CloudConfig| match Session::connect(config, &SessionOptions::default()) {
        Err(SessionError::Tls {
            source: TlsError::File { path, .. },
            ..
        }) => path,
        other => panic!("{other:?}"),
    };
    let mut config = cloud.config();
    config.tls.ca_file = Some(file.clone());
    assert_eq!(refused(config), file);
    let mut config = cloud.config();
    config.tls.ca_file = Some("/nowhere/ca.pem".into());
    assert_eq!(refused(config), "/nowhere/ca.pem");
    let mut config = cloud.config();
    config.tls.client_certificate = Some(file.clone());
    assert_eq!(refused(config), file);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let authority = authority();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&authority.file).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let (certificate, key) = authority.signed("localhost", None);
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], private(&key))
        .unwrap();
    let cloud = FakeCloud::start_tls(Arc::new(server), "localhost").await;
    let mut config = cloud.config();
    config.tls.ca_file = Some(authority.file.clone());
    assert!(login(config.clone()).await.is_err(), "without a certificate");
    assert!(cloud.state().requests.is_empty());

    let (certificate, key) = authority.signed("joe", None);
    let both = authority.file.with_file_name("both.pem");
    std::fs::write(&both, format!("{}{}", certificate.pem(), key.serialize_pem())).unwrap();
    config.tls.client_certificate = Some(both);
    assert_eq!(login(config.clone()).await, Ok(()), "certificate and key in one file");
    let (certificate_file, key_file) = (
        authority.file.with_file_name("c.pem"),
        authority.file.with_file_name("k.pem"),
    );
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    config.tls.client_certificate = Some(certificate_file);
    config.tls.client_key = Some(key_file);
    assert_eq!(login(config).await, Ok(()), "in two");
}
