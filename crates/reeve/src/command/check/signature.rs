//! The official report with an SSH signature in front.
//!
//! The system's ssh-keygen signs, so that passphrases, agents and security keys work as the operator is used to, and no key is read here. Source: SovereignCloudStack/standards at 077174d9:
//! `Tests/scs-test-runner.py` – `build_sign_command`, `build_upload_command`; ssh-keygen(1), `-Y sign`.

use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::runtime;
use crate::exit::Exit;
use crate::failure::Failure;

/// What the monitor makes sure that a signature is for.
const NAMESPACE: &str = "report";

/// Longest time for a signature; a person may have to type a passphrase or to touch a key.
const DEADLINE: Duration = Duration::from_secs(300);

/// Returns a report with its signature in front: the armoured signature, `&`, the report as it is.
pub(super) fn signed(report: &str, key: &Utf8Path) -> Result<String, Failure> {
    let failed = |what: String| {
        Failure::new(
            Exit::Usage,
            format!("the report could not be signed with {key}: {what}"),
        )
    };
    let signing = async {
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
            // A name that begins with `-` is no option of ssh-keygen's.
            .arg(if key.is_relative() {
                Utf8Path::new(".").join(key)
            } else {
                key.to_owned()
            })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("ssh-keygen could not be started: {error}"))?;
        let mut stdin = child.stdin.take().ok_or("ssh-keygen has no input")?;
        let text = report.as_bytes().to_vec();
        let writing = tokio::spawn(async move {
            // A signer that has had enough says itself why.
            let _ended = stdin.write_all(&text).await;
        });
        let output = child.wait_with_output().await.map_err(|error| error.to_string())?;
        writing.abort();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().escape_debug().to_string();
        if !output.status.success() {
            return Err(said(&output.stderr));
        }
        let signature = String::from_utf8_lossy(&output.stdout).into_owned();
        if !signature.starts_with("-----BEGIN SSH SIGNATURE-----") {
            return Err(format!("ssh-keygen gave no signature: {}", said(&output.stderr)));
        }
        Ok(signature)
    };
    let bounded = async {
        match tokio::time::timeout(DEADLINE, signing).await {
            Ok(result) => result,
            Err(_) => Err(format!("no signature within {} s", DEADLINE.as_secs())),
        }
    };
    let signature = runtime()?.block_on(bounded).map_err(|what| {
        failed(what).hint("`ssh-keygen -Y sign` of OpenSSH 8.1 or later has to be there, and the file a private key, or a public one whose private half an agent has")
    })?;
    Ok(format!("{}\n&{report}", signature.trim_end()))
}
