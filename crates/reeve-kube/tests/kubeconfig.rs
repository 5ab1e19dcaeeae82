//! Kubeconfigs that cannot or must not be used, and what is said about them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use camino::Utf8PathBuf;
use reeve_kube::{Cluster, ConnectError, KubeconfigSource, Problem};

struct File {
    _folder: tempfile::TempDir,
    path: Utf8PathBuf,
}

fn file(text: &str) -> File {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(folder.path().join("kubeconfig")).expect("a path in UTF-8");
    fs::write(&path, text).expect("the file can be written");
    File { _folder: folder, path }
}

fn kubeconfig(cluster: &str, user: &str) -> File {
    file(&format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: lab, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n\
         contexts: [{{name: here, context: {{cluster: lab, user: u}}}}, {{name: broken, context: {{cluster: gone, user: u}}}}]\ncurrent-context: here\n"
    ))
}

async fn refusal(file: &File, context: Option<&str>) -> (String, String) {
    let source = KubeconfigSource {
        path: file.path.clone(),
        context: context.map(str::to_owned),
    };
    let error = Cluster::connect(&source).await.expect_err("it is refused");
    let hide = |text: String| text.replace(file.path.as_str(), "FILE");
    (hide(error.to_string()), hide(error.hint()))
}

#[tokio::test]
async fn each_fault_is_named_with_the_next_action() {
    let good = kubeconfig("{server: \"https://192.0.2.1:6443\"}", "{token: topsecret}");
    let mut said = Vec::new();
    said.push(refusal(&good, Some("other")).await);
    said.push(refusal(&good, Some("broken")).await);
    said.push(refusal(&file("apiVersion: v1\nkind: Config\n"), None).await);
    said.push(
        refusal(
            &kubeconfig(
                "{server: \"https://u:p@192.0.2.1:6443\", insecure-skip-tls-verify: true}",
                "{}",
            ),
            None,
        )
        .await,
    );
    said.push(refusal(&kubeconfig("{server: \"http://192.0.2.1:8080\"}", "{}"), None).await);
    said.push(
        refusal(
            &kubeconfig(
                "{server: \"https://192.0.2.1\", proxy-url: \"http://192.0.2.2:3128\"}",
                "{}",
            ),
            None,
        )
        .await,
    );
    said.push(refusal(&kubeconfig("{}", "{}"), None).await);
    let bad_key = "{client-certificate-data: \"AAAA\", client-key-data: \"topsecret\"}";
    said.push(refusal(&kubeconfig("{server: \"https://192.0.2.1\"}", bad_key), None).await);
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}}";
    said.push(refusal(&kubeconfig("{server: \"https://192.0.2.1\"}", exec), None).await);
    insta::assert_debug_snapshot!(said);
}

#[tokio::test]
async fn secrets_of_a_broken_file_are_not_shown() {
    let (said, hint) = refusal(
        &file("users: [{name: u, user: {token: topsecret}}\nclusters: {\n"),
        None,
    )
    .await;
    assert!(!said.contains("topsecret") && !hint.contains("topsecret"), "{said}");
    assert!(said.contains("is not a kubeconfig (line "), "{said}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said() {
    let source = KubeconfigSource {
        path: "/nonexistent/kubeconfig".into(),
        context: None,
    };
    let error = Cluster::connect(&source).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
        "{error:?}"
    );
    assert!(error.hint().contains("--kubeconfig"));
}

#[tokio::test]
async fn a_server_that_is_down_is_told_from_one_that_is_no_api_server() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = kubeconfig(&format!("{{server: \"https://{free}\"}}"), "{token: t}");
    let cluster = Cluster::connect(&KubeconfigSource {
        path: down.path.clone(),
        context: None,
    })
    .await
    .unwrap();
    assert_eq!(cluster.version().await.unwrap_err().problem, Problem::ConnectionRefused);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut some = [0; 64];
        let _ = stream.read(&mut some);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let plain = kubeconfig(&format!("{{server: \"https://{address}\"}}"), "{token: t}");
    let cluster = Cluster::connect(&KubeconfigSource {
        path: plain.path.clone(),
        context: None,
    })
    .await
    .unwrap();
    let error = cluster.version().await.unwrap_err();
    assert!(matches!(error.problem, Problem::Unreachable(_)), "{error:?}");
    assert!(error.is_unreachable());
    serving.join().unwrap();
}
