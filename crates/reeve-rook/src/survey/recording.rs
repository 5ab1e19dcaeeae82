//! Taking secrets out of recordings.

use reeve_host::{Command, HostName, Output};

use super::secrets;

/// Takes out of a command's output what no recording may keep: cephx keys, and values of options that can hold secrets.
///
/// For [`reeve_host::RecordingHosts::redacting`]. What is left is read by a replayed survey as the original was.
pub fn without_secrets(_host: &HostName, command: &Command, output: &mut Output) {
    let is_config_dump = command.shown_argv().windows(2).any(|words| words == ["config", "dump"]);
    let stdout = if is_config_dump {
        hidden_values(&output.stdout)
    } else {
        None
    };
    let stdout = stdout.unwrap_or_else(|| hidden_lines(&output.stdout_text()));
    output.stdout = secrets::without_keys(&stdout).into_bytes();
    output.stderr = secrets::without_keys(&output.stderr_text()).into_bytes();
}

/// Hides values in the answer to `ceph config dump`; nothing if it is no such answer.
fn hidden_values(stdout: &[u8]) -> Option<String> {
    let mut entries: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(stdout).ok()?;
    for entry in &mut entries {
        let name = entry.get("name")?.as_str()?.to_owned();
        let value = entry.get("value")?.as_str().unwrap_or_default().to_owned();
        entry.insert("value".into(), secrets::shown(&name, &value).into());
    }
    serde_json::to_string(&entries).ok()
}

/// Hides values in lines of the form `/etc/ceph/ceph.conf:name = value`.
fn hidden_lines(stdout: &str) -> String {
    let line = |line: &str| {
        let Some((path, option)) = line
            .split_once(':')
            .filter(|(path, _)| path.starts_with('/') && path.ends_with(".conf"))
        else {
            return line.to_owned();
        };
        match option.split_once('=') {
            Some((name, value)) if secrets::shown(name.trim(), value.trim()) == secrets::HIDDEN => {
                format!("{path}:{name}= {}\n", secrets::HIDDEN)
            }
            _ => line.to_owned(),
        }
    };
    stdout.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cleaned(command: &Command, stdout: &str) -> String {
        let mut output = Output {
            status: 0,
            stdout: stdout.into(),
            stderr: vec![],
            elapsed: Duration::ZERO,
            truncated: false,
        };
        without_secrets(&HostName::new("n1").unwrap(), command, &mut output);
        output.stdout_text()
    }

    #[test]
    fn no_secret_stays_in_a_recording() {
        let key = "AQBSdFhcGGFCDRAAxJxDtMSR6qMOJgmqkXVMdQ==";
        let ceph = Command::new("ceph").args(["auth", "ls"]);
        assert_eq!(
            cleaned(&ceph, &format!(r#"{{"key":"{key}"}}"#)),
            r#"{"key":"(hidden)"}"#
        );
        let find = Command::new("find");
        let conf = format!(
            "/etc/ceph/ceph.conf:rgw_keystone_admin_password = x\n/etc/ceph/ceph.conf:key={key}\n/etc/ceph/ceph.conf:fsid = 1\n"
        );
        let expected = "/etc/ceph/ceph.conf:rgw_keystone_admin_password = (hidden)\n/etc/ceph/ceph.conf:key= (hidden)\n/etc/ceph/ceph.conf:fsid = 1\n";
        assert_eq!(cleaned(&find, &conf), expected);
        let dump = Command::new("ceph").args(["config", "dump"]);
        let entries = r#"[{"name":"mgr/cephadm/registry_password","value":"x"},{"name":"a","value":"b"}]"#;
        let expected = r#"[{"name":"mgr/cephadm/registry_password","value":"(hidden)"},{"name":"a","value":"b"}]"#;
        assert_eq!(cleaned(&dump, entries), expected);
    }
}
