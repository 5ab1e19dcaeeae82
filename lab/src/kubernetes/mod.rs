//! Kubernetes: its programs, its certificates, the control plane and what a node needs for its kubelet.

mod binaries;
mod control_plane;
mod kubelet;
mod pki;

pub(crate) use binaries::{make as make_binaries, recipe as binaries_recipe};
pub(crate) use control_plane::ControlPlane;
pub(crate) use kubelet::{configure as configure_kubelet, wait_until_ready};
use pki::ADMIN;
pub(crate) use pki::{Authority, Purpose, Subject, write_secret};

/// Kubernetes' version: the one that `recipes/kubernetes/go.mod` requires.
pub const VERSION: &str = "v1.34.4";
/// The address of the API server's service inside the cluster.
pub(crate) const SERVICE_ADDRESS: &str = "10.96.0.1";
/// The port of the API server.
pub(crate) const PORT: u16 = 6443;

/// Writes a kubeconfig that holds its certificates itself, readable by root only.
pub(crate) fn write_kubeconfig(
    path: &camino::Utf8Path,
    server: &str,
    authority: &str,
    user: &pki::Credentials,
    namespace: &str,
) -> crate::error::Result<()> {
    let encode = |text: &str| base64(text.as_bytes());
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": server, "certificate-authority-data": encode(authority)}}],
        "users": [{"name": "lab", "user": {"client-certificate-data": encode(&user.certificate), "client-key-data": encode(&user.key)}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
    });
    write_secret(path, &format!("{text:#}\n"))
}

/// Returns the base64 form of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0u32, |word, (place, byte)| word | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_as_in_the_rfc() {
        // RFC 4648, section 10.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
