//! Reading what ssh says when it fails: it has one exit status, 255, and tells the rest in words.

use crate::{HostError, HostName, output};

/// Turns the error of a connection that was not made into one that says what to do.
///
/// The words are those of OpenSSH 8 and 9: `sshconnect.c`, `sshconnect2.c`, `readconf.c`, `misc.c`.
pub(crate) fn connect_error(host: &HostName, error: openssh::Error) -> HostError {
    let source = match error {
        openssh::Error::Connect(source) => source,
        openssh::Error::Master(source) | openssh::Error::Ssh(source) => {
            return HostError::Io {
                host: host.clone(),
                command: "ssh".to_owned(),
                source,
            };
        }
        other => {
            let detail = output::printable(other.to_string().as_bytes(), 300);
            return HostError::Unreachable {
                host: host.clone(),
                detail,
            };
        }
    };
    if source.raw_os_error().is_some() {
        // ssh itself could not be started; what ssh says never has a number.
        return HostError::Io {
            host: host.clone(),
            command: "ssh".to_owned(),
            source,
        };
    }
    said(host, &source.to_string())
}

fn said(host: &HostName, text: &str) -> HostError {
    let host = host.clone();
    let detail = output::printable_tail(text.as_bytes());
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "Host key verification failed",
        "HOST IDENTIFICATION HAS CHANGED",
        "host key is known for",
    ]) {
        HostError::HostKey { host, detail }
    } else if has(&[
        "Permission denied (",
        "Too many authentication failures",
        "No more authentication methods",
    ]) {
        HostError::LoginRefused { host, detail }
    } else if has(&[
        "Bad configuration option",
        "Can't open user config file",
        "Bad owner or permissions",
        "bad configuration options",
    ]) {
        HostError::SshConfiguration { host, detail }
    } else {
        HostError::Unreachable {
            host,
            detail: if detail.is_empty() {
                "ssh gave no reason".to_owned()
            } else {
                detail
            },
        }
    }
}

/// Tells whether an ssh that was to use an existing connection never had one, which proves that the command did not start.
///
/// The openssh crate gives such an ssh the host `none` and port 9, so that it cannot make a connection of its own.
pub(crate) fn never_started(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.contains("Could not resolve hostname none") || text.contains("connect to host none port 9")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        match said(&HostName::new("n1").unwrap(), text) {
            HostError::HostKey { .. } => "host key",
            HostError::LoginRefused { .. } => "login",
            HostError::SshConfiguration { .. } => "configuration",
            HostError::Unreachable { .. } => "unreachable",
            _ => "other",
        }
    }

    #[test]
    fn what_ssh_says_is_understood() {
        // As OpenSSH 9.2p1 wrote them.
        for (text, expected) in [
            (
                "No ED25519 host key is known for n1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
                "host key",
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n",
                "host key",
            ),
            ("root@n1: Permission denied (publickey,password).\r\n", "login"),
            (
                "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\n",
                "login",
            ),
            (
                "/home/op/.ssh/config: line 3: Bad configuration option: hostnam\r\n",
                "configuration",
            ),
            ("Bad owner or permissions on /home/op/.ssh/config\r\n", "configuration"),
            ("connect to host n1 port 22: Connection refused\r\n", "unreachable"),
            ("connect to host n1 port 22: Connection timed out\r\n", "unreachable"),
            (
                "Could not resolve hostname n1: Name or service not known\r\n",
                "unreachable",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host\r\n",
                "unreachable",
            ),
            ("", "unreachable"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert!(never_started(
            b"ssh: Could not resolve hostname none: Name or service not known\r\n"
        ));
        assert!(!never_started(b"client_loop: send disconnect: Broken pipe\r\n"));
    }
}
