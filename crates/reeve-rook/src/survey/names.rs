//! Which name reaches a host that daemons speak of.

use std::sync::Arc;
use std::time::Duration;

use reeve_host::{Host, HostName, Hosts};

use super::ceph::Wanted;
use super::host::{Login, Visit};

/// How long a host may take to let us in and say its name, under each of its names.
const LOGIN_DEADLINE: Duration = Duration::from_secs(20);

/// A host that was found under a name.
pub(crate) struct Reached {
    pub(crate) name: HostName,
    pub(crate) visit: Visit,
    pub(crate) login: Login,
}

/// The admin host, which is known already.
pub(crate) struct Admin {
    pub(crate) name: HostName,
    pub(crate) hostname: String,
}

/// Finds the name that reaches a wanted host: the admin host's own if that is the one, the name that daemons report, its first part,
/// and its addresses; the first that answers *as that host* is taken.
///
/// # Errors
///
/// Why each name did not do, in one line.
pub(crate) async fn reach(hosts: &dyn Hosts, admin: &Admin, wanted: &Wanted) -> Result<Reached, String> {
    let mut reasons: Vec<String> = Vec::new();
    for name in candidates(admin, wanted) {
        let attempt = async {
            let host: Arc<dyn Host> = hosts.connect(&name).await?;
            let visit = Visit::new(host);
            let login = visit.log_in().await?;
            // The address decides only where the name does not.
            let addresses = if same_name(&login.facts.hostname, wanted) {
                None
            } else {
                Some(visit.addresses().await?)
            };
            Ok::<_, reeve_host::HostError>((visit, login, addresses))
        };
        match tokio::time::timeout(LOGIN_DEADLINE, attempt).await {
            Err(_) => reasons.push(format!("{name} did not answer within {} s", LOGIN_DEADLINE.as_secs())),
            Ok(Err(error)) => reasons.push(error.to_string()),
            Ok(Ok((visit, login, addresses))) => {
                let hostname = login.facts.hostname.clone();
                if addresses.is_none_or(|addresses| !addresses.is_disjoint(&wanted.addresses)) {
                    return Ok(Reached { name, visit, login });
                }
                reasons.push(match hostname.as_str() {
                    "" => format!("{name} does not tell its host name"),
                    other => format!("{name} answers as {other:?}, which is another host"),
                });
            }
        }
    }
    if reasons.is_empty() {
        reasons.push(format!(
            "{:?} is no name that a host can be reached by, and no daemon tells an address",
            wanted.hostname
        ));
    }
    reasons.dedup();
    Err(reasons.join("; "))
}

fn candidates(admin: &Admin, wanted: &Wanted) -> Vec<HostName> {
    let own = same_name(&admin.hostname, wanted).then(|| admin.name.clone());
    let short = wanted.hostname.split('.').next().unwrap_or_default();
    let names = [wanted.hostname.as_str(), short]
        .into_iter()
        .chain(wanted.addresses.iter().map(String::as_str));
    let mut candidates: Vec<HostName> = own.into_iter().collect();
    for name in names.filter_map(|name| HostName::new(name).ok()) {
        if !candidates.contains(&name) {
            candidates.push(name);
        }
    }
    candidates
}

/// Tells whether a host name is the wanted one: the same, or one of both is the other's first part.
///
/// A name that was only guessed from a mon's id proves nothing.
fn same_name(hostname: &str, wanted: &Wanted) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let one_is_short = !hostname.contains('.') || !wanted.hostname.contains('.');
    let same = hostname == wanted.hostname || (one_is_short && short(hostname) == short(&wanted.hostname));
    wanted.reported && !hostname.is_empty() && same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_with_care() {
        let wanted = |hostname: &str, reported| Wanted {
            hostname: hostname.into(),
            reported,
            ..Wanted::default()
        };
        assert!(same_name("n1", &wanted("n1", true)));
        assert!(same_name("n1.example.com", &wanted("n1", true)));
        assert!(same_name("n1", &wanted("n1.example.com", true)));
        assert!(!same_name("n1.one.example", &wanted("n1.two.example", true)));
        assert!(!same_name("n2", &wanted("n1", true)));
        assert!(!same_name("", &wanted("", true)));
        assert!(!same_name("a", &wanted("a", false)), "a mon's id is no host name");
    }

    #[test]
    fn the_reported_name_comes_before_the_addresses() {
        let wanted = Wanted {
            hostname: "n1.example".into(),
            reported: true,
            addresses: ["10.0.0.1".into(), "fd00::1".into()].into(),
            ..Wanted::default()
        };
        let shown = |hostname: &str| -> Vec<String> {
            let admin = Admin {
                name: HostName::new("jump-n1").unwrap(),
                hostname: hostname.into(),
            };
            candidates(&admin, &wanted).iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("admin"), ["n1.example", "n1", "10.0.0.1", "fd00::1"]);
        assert_eq!(shown("n1"), ["jump-n1", "n1.example", "n1", "10.0.0.1", "fd00::1"]);
    }
}
