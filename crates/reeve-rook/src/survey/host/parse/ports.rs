//! Listening ports.

use std::collections::BTreeMap;

/// Ports that Rook's daemons want; a radosgw's port is of interest wherever it is.
fn is_of_interest(port: u16, process: &str) -> bool {
    matches!(port, 3300 | 6789 | 6800..=7300 | 8443 | 8765 | 9283 | 9926) || process.starts_with("radosgw")
}

/// Reads `ss -Hltnp`: port → process name, empty where ss does not say.
pub(crate) fn parse_listening(text: &str) -> BTreeMap<u16, String> {
    let line = |line: &str| {
        let port: u16 = line.split_whitespace().nth(3)?.rsplit_once(':')?.1.parse().ok()?;
        let process = line
            .split_once("users:((\"")
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_default();
        is_of_interest(port, process).then(|| (port, process.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_their_process() {
        let text = "LISTEN 0 512 10.0.0.1:3300 0.0.0.0:* users:((\"ceph-mon\",pid=12,fd=24))\n\
                    LISTEN 0 512 [::]:8080 [::]:* users:((\"radosgw\",pid=9,fd=4))\n\
                    LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))\n\
                    LISTEN 0 128 *:9283 *:*\nbroken";
        let ports = parse_listening(text);
        assert_eq!(
            ports,
            BTreeMap::from([
                (3300, "ceph-mon".into()),
                (8080, "radosgw".into()),
                (9283, String::new())
            ])
        );
    }
}
