//! The configuration files of all programs, from templates that hold what is particular and leave out what is always the same.
//!
//! A template's line may be a word that stands for several lines: `@login USER` for the login of a service user, `@tokens USER TYPE` for the section by which
//! an API of that type in the catalogue checks tokens, `@database NAME`, `@messages`, `@databases-of-nova`. `{{name}}` stands for one of [`Settings`] or of the constants here.

use std::collections::BTreeSet;

use super::profile::Profile;

/// The password of all users and services. It is no secret: only programs in the laboratory's namespaces can use it.
pub(super) const PASSWORD: &str = "lab";
/// The id of the Ceph cluster.
pub(super) const FSID: &str = "5c5c0000-0000-4000-8000-000000000001";
/// The libvirt secret that holds the key of `client.cinder`.
pub(super) const LIBVIRT_SECRET: &str = "5c5c0000-0000-4000-8000-000000000002";
/// The id of the OSD.
pub(super) const OSD_ID: &str = "5c5c0000-0000-4000-8000-000000000003";

/// What differs between laboratories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    barbican_new_rules: bool,
    rdrand: bool,
    rbac_sharing: bool,
    image_conversion: bool,
}

impl Settings {
    /// Returns the settings of a cloud that is broken in these ways.
    pub(super) fn of(profiles: &BTreeSet<Profile>) -> Self {
        let has = |profile| profiles.contains(&profile);
        Self {
            barbican_new_rules: !has(Profile::BarbicanCreator),
            rdrand: !has(Profile::RdrandOff),
            rbac_sharing: has(Profile::RbacSharing),
            image_conversion: has(Profile::ImageConversion),
        }
    }
}

macro_rules! templates {
    ($($name:literal => $path:literal,)*) => {
        &[$(($path, include_str!(concat!("../../recipes/openstack/etc/", $name))),)*]
    };
}

/// Every file with its template.
const TEMPLATES: &[(&str, &str)] = templates![
    "mariadb.cnf" => "/etc/mysql/mariadb.conf.d/90-lab.cnf",
    "rabbitmq-env.conf" => "/etc/rabbitmq/rabbitmq-env.conf",
    "rabbitmq.conf" => "/etc/rabbitmq/rabbitmq.conf",
    "ceph.conf" => "/etc/ceph/ceph.conf",
    "keystone.conf" => "/etc/keystone/keystone.conf",
    "glance-api.conf" => "/etc/glance/glance-api.conf",
    "placement.conf" => "/etc/placement/placement.conf",
    "nova.conf" => "/etc/nova/nova.conf",
    "neutron.conf" => "/etc/neutron/neutron.conf",
    "neutron-policy.yaml" => "/etc/neutron/policy.yaml",
    "ml2_conf.ini" => "/etc/neutron/plugins/ml2/ml2_conf.ini",
    "neutron_ovn_metadata_agent.ini" => "/etc/neutron/neutron_ovn_metadata_agent.ini",
    "cinder.conf" => "/etc/cinder/cinder.conf",
    "barbican.conf" => "/etc/barbican/barbican.conf",
    "octavia.conf" => "/etc/octavia/octavia.conf",
    "libvirtd.conf" => "/etc/libvirt/libvirtd.conf",
    "qemu.conf" => "/etc/libvirt/qemu.conf",
    "secret-cinder.xml" => "/etc/libvirt/secret-cinder.xml",
    "swift.conf" => "/etc/swift/swift.conf",
    "swift-account.conf" => "/etc/swift/account-server.conf",
    "swift-container.conf" => "/etc/swift/container-server.conf",
    "swift-object.conf" => "/etc/swift/object-server.conf",
    "swift-proxy.conf" => "/etc/swift/proxy-server.conf",
];

/// Returns every configuration file: where it lies in the root, and its text.
pub(super) fn files(settings: Settings) -> Vec<(&'static str, String)> {
    let mut files: Vec<(&str, String)> = TEMPLATES
        .iter()
        .map(|(path, template)| (*path, expand(template, settings)))
        .collect();
    // nova-compute must not be able to reach a database, or it complains without end.
    let nova = TEMPLATES.iter().find(|(path, _)| path.ends_with("/nova.conf"));
    let (_, nova) = nova.expect("the list of templates has it");
    files.push((
        "/etc/nova/nova-compute.conf",
        expand(&nova.replace("@databases-of-nova\n", ""), settings),
    ));
    files
}

/// Returns the templates of all programs of a first start in one text, for a recipe.
pub(super) fn ingredients() -> String {
    let first = TEMPLATES.iter().filter(|(path, _)| !path.starts_with("/etc/swift/"));
    first.map(|(path, text)| format!("{path}\n{text}\n")).collect()
}

fn expand(template: &str, settings: Settings) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    for line in template.lines() {
        let (word, of) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "@login" => text += &login(of),
            "@tokens" => text += &tokens(of),
            "@database" => text += &database(of),
            "@databases-of-nova" => {
                text += &format!(
                    "[api_database]\n{}\n[database]\n{}",
                    database("nova_api"),
                    database("nova")
                );
            }
            "@messages" => text += "transport_url = rabbit://guest:guest@127.0.0.1:5672/\n",
            _ => {
                text += line;
                text.push('\n');
            }
        }
    }
    let switch = |on: bool| if on { "true" } else { "false" };
    for (name, value) in [
        ("password", PASSWORD),
        ("fsid", FSID),
        ("libvirt_secret", LIBVIRT_SECRET),
        ("barbican_new_rules", switch(settings.barbican_new_rules)),
        (
            "cpu_flags",
            if settings.rdrand {
                "cpu_model_extra_flags = rdrand,rdseed"
            } else {
                ""
            },
        ),
        (
            "import_plugins",
            if settings.image_conversion {
                "image_conversion"
            } else {
                "no_op"
            },
        ),
        (
            "rbac_rule",
            if settings.rbac_sharing {
                "rule:admin_only or (role:member and project_id:%(project_id)s)"
            } else {
                "rule:admin_only"
            },
        ),
    ] {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    text
}

/// How a service user logs in to Keystone.
fn login(user: &str) -> String {
    format!(
        "auth_type = password\nauth_url = http://127.0.0.1:5000/v3\nusername = {user}\npassword = {PASSWORD}\nproject_name = service\n\
         user_domain_name = Default\nproject_domain_name = Default\nregion_name = RegionOne\n"
    )
}

/// How an API checks tokens. Service tokens are what detaching a volume needs; an API that does not know its own type in the catalogue refuses
/// everything to a credential with access rules.
///
/// Source: keystonemiddleware: `auth_token/__init__.py` – `validate_allowed_request`.
fn tokens(of: &str) -> String {
    let (user, service_type) = of
        .split_once(' ')
        .expect("a test expands every template, and each names both");
    format!(
        "[keystone_authtoken]\n{}service_type = {service_type}\nwww_authenticate_uri = http://127.0.0.1:5000/v3\n\
         memcached_servers = 127.0.0.1:11211\nservice_token_roles = service\nservice_token_roles_required = true\n\n\
         [oslo_middleware]\nenable_proxy_headers_parsing = true\n",
        login(user)
    )
}

fn database(name: &str) -> String {
    format!("connection = mysql+pymysql://lab:{PASSWORD}@127.0.0.1/{name}?charset=utf8mb4\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, profiles: &[Profile]) -> String {
        let all = files(Settings::of(&profiles.iter().copied().collect()));
        all.into_iter().find(|(file, _)| *file == path).unwrap().1
    }

    #[test]
    fn nothing_of_a_template_is_left_in_a_file() {
        for (path, text) in files(Settings::of(&BTreeSet::new())) {
            assert!(path.starts_with("/etc/"), "{path}");
            assert!(!text.contains("{{") && !text.contains("}}"), "{path}:\n{text}");
            assert!(!text.lines().any(|line| line.starts_with('@')), "{path}:\n{text}");
        }
    }

    #[test]
    fn sections_are_there_once() {
        for (path, text) in files(Settings::of(&BTreeSet::new())) {
            let mut seen = BTreeSet::new();
            for line in text.lines().filter(|line| line.starts_with('[')) {
                assert!(seen.insert(line.to_owned()), "{path}: {line} twice");
            }
        }
    }

    #[test]
    fn an_api_knows_its_type_in_the_catalogue() {
        // The types that the laboratory's catalogue has, from the program that makes it.
        let catalogue = include_str!("../../recipes/openstack/seed/cloud.py");
        let mut checked = 0;
        for (path, text) in files(Settings::of(&BTreeSet::new())) {
            let Some((_, section)) = text.split_once("[keystone_authtoken]\n") else {
                continue;
            };
            let section = section.split("\n[").next().unwrap();
            let kind = section.lines().find_map(|line| line.strip_prefix("service_type = "));
            let kind = kind.unwrap_or_else(|| panic!("{path} names no type"));
            assert!(catalogue.contains(&format!("\"{kind}\": ")), "{path}: {kind}");
            checked += 1;
        }
        // Seven services, and the copy of Nova's file for nova-compute.
        assert_eq!(checked, 8);
    }

    #[test]
    fn a_service_logs_in_as_itself() {
        insta::assert_snapshot!(text("/etc/placement/placement.conf", &[]));
    }

    #[test]
    fn the_compute_service_sees_no_database() {
        let nova = text("/etc/nova/nova.conf", &[]);
        assert!(nova.contains("[api_database]\nconnection = mysql+pymysql://lab:lab@127.0.0.1/nova_api?"));
        let compute = text("/etc/nova/nova-compute.conf", &[]);
        assert!(
            !compute.contains("mysql") && !compute.contains("database]"),
            "{compute}"
        );
        assert!(compute.contains("virt_type = qemu"));
    }

    #[test]
    fn profiles_change_their_own_setting_only() {
        for (profile, path, good, broken) in [
            (
                Profile::BarbicanCreator,
                "/etc/barbican/barbican.conf",
                "enforce_new_defaults = true",
                "enforce_new_defaults = false",
            ),
            (
                Profile::RdrandOff,
                "/etc/nova/nova-compute.conf",
                "cpu_model_extra_flags = rdrand,rdseed\n",
                "cpu_models = qemu64\n\n",
            ),
            (
                Profile::ImageConversion,
                "/etc/glance/glance-api.conf",
                "image_import_plugins = [no_op]",
                "image_import_plugins = [image_conversion]",
            ),
            (
                Profile::RbacSharing,
                "/etc/neutron/policy.yaml",
                "rule:admin_only",
                "project_id:%(project_id)s",
            ),
        ] {
            assert!(text(path, &[]).contains(good), "{profile}");
            assert!(
                text(path, &[profile]).contains(broken),
                "{profile}: {}",
                text(path, &[profile])
            );
            let others = Profile::all().filter(|other| *other != profile).collect::<Vec<_>>();
            assert!(text(path, &others).contains(good), "{profile}");
        }
    }
}
