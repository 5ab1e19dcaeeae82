//! The proxy in front of the public endpoints: it adds TLS, a version of it that should be gone, or time.

use std::collections::BTreeSet;

use super::cloud::Cloud;
use super::logins::Door;
use super::profile::Profile;
use crate::error::Result;
use crate::kubernetes::{Authority, Purpose, Subject};

/// The address at which it listens, on the same ports as the services at 127.0.0.1.
const HOST: &str = "127.0.0.2";
/// Ports of all services that have a public endpoint; Swift's is the last.
const PORTS: [(&str, u16); 11] = [
    ("identity", 5000),
    ("image", 9292),
    ("placement", 8778),
    ("compute", 8774),
    ("network", 9696),
    ("block-storage", 8776),
    ("key-manager", 9311),
    ("load-balancer", 9876),
    ("object-store", 7480),
    ("swift", 8080),
    ("metadata", 8775),
];
/// How much later answers come.
const MILLISECONDS: u32 = 40;
/// The authority's certificate in the root.
pub(super) const AUTHORITY: &str = "/etc/reeve-lab/authority.pem";
/// The suites of TLS 1.2 that a server offers by Mozilla's profile "intermediate".
///
/// Source: Mozilla, Security/Server Side TLS, version 5.7.
const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
                            ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
/// How a line of haproxy's configuration says that it speaks TLS.
const PEM: &str = " ssl crt /etc/reeve-lab/front.pem";
const DELAY: &str = include_str!("../../recipes/openstack/front.lua");

/// What the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    tls: bool,
    tls10: bool,
    slow: bool,
}

impl Front {
    /// Returns what it does in a cloud that is broken in these ways; `None` where there is none.
    pub(super) fn of(profiles: &BTreeSet<Profile>) -> Option<Self> {
        let has = |profile| profiles.contains(&profile);
        let front = Self {
            tls: has(Profile::Https) || has(Profile::Tls10),
            tls10: has(Profile::Tls10),
            slow: has(Profile::Slow),
        };
        (front.tls || front.slow).then_some(front)
    }

    /// Tells whether the public endpoints are on https.
    pub(super) const fn is_tls(self) -> bool {
        self.tls
    }

    /// Returns scheme and host of the public endpoints.
    pub(super) fn base(front: Option<Self>) -> String {
        match front {
            None => "http://127.0.0.1".into(),
            Some(front) => format!("{}://{HOST}", if front.tls { "https" } else { "http" }),
        }
    }

    /// Returns the door of programs that see the authority's certificate at `authority`.
    pub(super) fn door(front: Option<Self>, authority: &str) -> Door {
        Door::Public {
            base: Self::base(front),
            authority: front.filter(|front| front.tls).map(|_| authority.into()),
        }
    }

    /// Returns haproxy's configuration.
    ///
    /// Source: HAProxy Configuration Manual 3.0, sections 3.1, 4.2 and 5.1; OpenSSL lets TLS 1.0 be only at security level 0.
    pub(super) fn configuration(self) -> String {
        let mut text = "global\n    maxconn 2000\n    nbthread 1\n".to_owned();
        if self.slow {
            text +=
                &format!("    set-var proc.milliseconds int({MILLISECONDS})\n    lua-load /etc/reeve-lab/front.lua\n");
        }
        text += "defaults\n    mode http\n    timeout connect 5s\n    timeout client 10m\n    timeout server 10m\n    timeout http-request 60s\n";
        text += &format!("frontend alive\n    bind {HOST}:1936\n    http-request return status 200\n");
        for (name, port) in PORTS {
            let tls = match (self.tls, self.tls10 && name == "image") {
                (false, _) => String::new(),
                (true, false) => format!("{PEM} ssl-min-ver TLSv1.2 ciphers {INTERMEDIATE}"),
                (true, true) => format!("{PEM} ssl-min-ver TLSv1.0 ciphers DEFAULT:@SECLEVEL=0"),
            };
            text += &format!("listen {name}\n    bind {HOST}:{port}{tls}\n");
            if self.slow {
                text += "    http-request lua.wait\n";
            }
            if self.tls {
                text += "    http-request set-header X-Forwarded-Proto https\n";
            }
            text += &format!("    server one 127.0.0.1:{port}\n");
        }
        text
    }

    /// Writes all that the proxy reads. Certificates that are there stay, so that programs that trust them still do.
    pub(super) fn write(self, cloud: &Cloud<'_>) -> Result<()> {
        cloud
            .root
            .write("/etc/reeve-lab/front.cfg", &self.configuration(), 0o644)?;
        cloud.root.write("/etc/reeve-lab/front.lua", DELAY, 0o644)?;
        if self.tls && !cloud.root.path(AUTHORITY)?.exists() {
            let authority = Authority::new("reeve-lab openstack")?;
            let subject = Subject {
                name: "reeve-lab front",
                group: None,
            };
            let pair = authority.sign(subject, Purpose::Server, &[HOST])?;
            let both = format!("{}{}", pair.certificate, pair.key);
            cloud.root.write("/etc/reeve-lab/front.pem", &both, 0o600)?;
            cloud.root.write(AUTHORITY, authority.certificate(), 0o644)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(profiles: &[Profile]) -> Option<Front> {
        Front::of(&profiles.iter().copied().collect())
    }

    #[test]
    fn a_good_cloud_has_no_proxy() {
        assert_eq!(of(&[Profile::Swift, Profile::HiddenImage]), None);
        assert_eq!(Front::base(None), "http://127.0.0.1");
    }

    #[test]
    fn old_tls_is_at_one_endpoint_only() {
        let text = of(&[Profile::Tls10]).unwrap().configuration();
        assert_eq!(text.matches("TLSv1.0").count(), 1);
        assert_eq!(text.matches("TLSv1.2").count(), PORTS.len() - 1);
        assert!(!text.contains("lua"));
        assert_eq!(Front::base(of(&[Profile::Tls10])), "https://127.0.0.2");
    }

    #[test]
    fn time_needs_no_tls() {
        let front = of(&[Profile::Slow]);
        let text = front.unwrap().configuration();
        assert!(text.contains("int(40)") && text.contains("lua.wait") && !text.contains("ssl"));
        assert_eq!(Front::base(front), "http://127.0.0.2");
    }
}
