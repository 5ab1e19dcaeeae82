//! The laboratory's `clouds.yaml`: who can log in, and through which door.

use camino::Utf8PathBuf;

use super::configuration::PASSWORD;

/// Where the cloud is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The internal endpoints, which no profile touches.
    Inside,
    /// The public endpoints.
    Public {
        /// Scheme and host.
        base: String,
        /// The authority to trust.
        authority: Option<Utf8PathBuf>,
    },
}

/// To what a login is scoped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope<'a> {
    System,
    Domain,
    Project(&'a str),
}

/// Returns `clouds.yaml`. Names: `admin`, `system`; `alpha-` and `beta-` with `reader`, `member`, `manager` for the users of a project; `one-manager` and
/// `two-manager` for the managers of the domains.
///
/// Source: openstacksdk, "Configuring OpenStack SDK Applications".
pub(super) fn render(door: &Door) -> String {
    let mut text =
        "# How programs log in to the laboratory. Its addresses are those of its own network namespace.\nclouds:\n"
            .to_owned();
    let mut cloud = |name: &str, user: &str, domain: &str, scope: Scope<'_>| {
        let base = match door {
            Door::Inside => "http://127.0.0.1",
            Door::Public { base, .. } => base,
        };
        text += &format!("  {name}:\n    auth:\n      auth_url: {base}:5000/v3\n      username: {user}\n");
        text += &format!("      password: {PASSWORD}\n      user_domain_name: {domain}\n");
        text += &match scope {
            Scope::System => "      system_scope: all\n".to_owned(),
            Scope::Domain => format!("      domain_name: {domain}\n"),
            Scope::Project(project) => format!("      project_name: {project}\n      project_domain_name: {domain}\n"),
        };
        text += "    region_name: RegionOne\n    identity_api_version: 3\n";
        match door {
            Door::Inside => text += "    interface: internal\n",
            Door::Public { authority, .. } => {
                if let Some(path) = authority {
                    text += &format!("    cacert: {path}\n");
                }
            }
        }
    };
    cloud("admin", "admin", "Default", Scope::Project("admin"));
    cloud("system", "admin", "Default", Scope::System);
    for (domain, project) in [("one", "alpha"), ("two", "beta")] {
        for role in ["reader", "member", "manager"] {
            let user = format!("{project}-{role}");
            cloud(&user, &user, domain, Scope::Project(project));
        }
        let manager = format!("{domain}-manager");
        cloud(&manager, &manager, domain, Scope::Domain);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_can_log_in_by_name() {
        let text = render(&Door::Public {
            base: "https://127.0.0.2".into(),
            authority: Some("/a/ca.pem".into()),
        });
        let names: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .map(str::trim)
            .collect();
        assert_eq!(
            names.join(" "),
            "admin: system: alpha-reader: alpha-member: alpha-manager: one-manager: beta-reader: beta-member: beta-manager: two-manager:"
        );
        let manager = text.split("  two-manager:\n").nth(1).unwrap();
        insta::assert_snapshot!(manager, @r"
        auth:
          auth_url: https://127.0.0.2:5000/v3
          username: two-manager
          password: lab
          user_domain_name: two
          domain_name: two
        region_name: RegionOne
        identity_api_version: 3
        cacert: /a/ca.pem
        ");
    }

    #[test]
    fn inside_nothing_of_a_profile_is_in_the_way() {
        let text = render(&Door::Inside);
        assert_eq!(text.matches("interface: internal").count(), 10);
        assert!(!text.contains("cacert") && text.contains("auth_url: http://127.0.0.1:5000/v3"));
    }
}
