//! Breaking a running cloud, and mending it.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::cloud::Cloud;
use super::configuration::{Settings, files};
use super::front::Front;
use super::lab::OpenStackLab;
use super::profile::Profile;
use super::service::{BARBICAN, CINDER_BACKUP, FRONT, GLANCE_API, NOVA_COMPUTE, RADOSGW, SWIFT};
use super::start;
use crate::error::Result;
use crate::progress::{Parts, Progress};
use crate::state::{Line, Lock, Record};

impl OpenStackLab {
    /// Breaks the cloud in one way. A repeat changes nothing more.
    ///
    /// # Errors
    ///
    /// [`crate::LabError::Busy`] if another process works on the laboratory; otherwise the command that failed: a repeat goes on from there.
    pub fn apply(&self, profile: Profile, progress: &dyn Progress) -> Result<()> {
        self.switch(profile, true, progress)
    }

    /// Mends what [`OpenStackLab::apply`] broke; harmless where nothing is broken.
    ///
    /// # Errors
    ///
    /// As [`OpenStackLab::apply`].
    pub fn remove(&self, profile: Profile, progress: &dyn Progress) -> Result<()> {
        self.switch(profile, false, progress)
    }

    fn switch(&self, profile: Profile, broken: bool, progress: &dyn Progress) -> Result<()> {
        let _lock = Lock::of_lab(&self.places, &self.spec.name)?;
        let record = Record::open(&self.folder)?;
        let cloud = self.cloud(Some(&record))?;
        self.switch_one(&cloud, &record, profile, broken, &Parts::new(progress))
    }

    /// Mends and breaks until the cloud is as `wanted` says; the lock is held.
    pub(super) fn bring_to(&self, wanted: &BTreeSet<Profile>, parts: &Parts<'_>) -> Result<()> {
        let now = self.recorded()?.profiles;
        let record = Record::open(&self.folder)?;
        let cloud = self.cloud(Some(&record))?;
        let mend = now.difference(wanted).map(|profile| (*profile, false));
        let ruin = wanted.difference(&now).map(|profile| (*profile, true));
        mend.chain(ruin)
            .try_for_each(|(profile, broken)| self.switch_one(&cloud, &record, profile, broken, parts))
    }

    /// Applies or removes one profile. What is broken is written down before, what is mended after: whatever happens, the record never hides a fault.
    pub(super) fn switch_one(
        &self,
        cloud: &Cloud<'_>,
        record: &Record,
        profile: Profile,
        broken: bool,
        parts: &Parts<'_>,
    ) -> Result<()> {
        let (verb, line) = (
            if broken { "break" } else { "mend" },
            Line::Switched { profile, broken },
        );
        let mut profiles = self.recorded()?.profiles;
        if broken {
            record.append(&line)?;
            profiles.insert(profile);
        } else {
            profiles.remove(&profile);
        }
        parts.run(&format!("{verb}: {}", profile.about()), || {
            self.act(cloud, record, profile, broken, &profiles)
        })?;
        if broken { Ok(()) } else { record.append(&line) }
    }

    fn act(
        &self,
        cloud: &Cloud<'_>,
        record: &Record,
        profile: Profile,
        broken: bool,
        profiles: &BTreeSet<Profile>,
    ) -> Result<()> {
        let stop = |name: &str| -> Result<()> {
            // Written down first: a program that was stopped on purpose is no sign of a broken laboratory.
            record.append(&Line::Ends { label: name.to_owned() })?;
            cloud.stop(name)
        };
        match profile {
            Profile::CinderBackupDown if broken => stop(CINDER_BACKUP),
            Profile::CinderBackupDown => {
                let since = now();
                cloud.start(CINDER_BACKUP)?;
                heartbeat(cloud, since, CINDER_BACKUP)
            }
            Profile::BarbicanCreator => {
                configure(cloud, profiles)?;
                cloud.restart(BARBICAN)
            }
            Profile::RdrandOff => {
                configure(cloud, profiles)?;
                let since = now();
                cloud.restart(NOVA_COMPUTE)?;
                heartbeat(cloud, since, NOVA_COMPUTE)
            }
            Profile::ImageConversion => {
                configure(cloud, profiles)?;
                cloud.restart(GLANCE_API)
            }
            // Neutron reads its rules again by itself.
            Profile::RbacSharing => configure(cloud, profiles),
            Profile::Https | Profile::Tls10 | Profile::Slow => {
                let front = Front::of(profiles);
                if let Some(front) = front {
                    front.write(cloud)?;
                    cloud.restart(FRONT)?;
                }
                self.point_at(cloud, profiles)?;
                if front.is_none() { stop(FRONT) } else { Ok(()) }
            }
            Profile::Swift if broken => {
                configure(cloud, profiles)?;
                start::swift_rings(cloud)?;
                cloud.start_and_wait(&SWIFT)?;
                self.point_at(cloud, profiles)?;
                stop(RADOSGW)
            }
            Profile::Swift => {
                cloud.start_and_wait(&[RADOSGW])?;
                self.point_at(cloud, profiles)?;
                SWIFT.iter().try_for_each(|name| stop(name))
            }
            content => {
                debug_assert!(content.is_content(), "every other profile has an arm of its own");
                let verb = if broken { "break" } else { "mend" };
                start::seed(cloud, "profiles.py", &[verb, content.name()])
            }
        }
    }

    /// Points catalogue and logins at where the services are with these profiles.
    fn point_at(&self, cloud: &Cloud<'_>, profiles: &BTreeSet<Profile>) -> Result<()> {
        let objects = if profiles.contains(&Profile::Swift) {
            "swift"
        } else {
            "rgw"
        };
        let public = Front::base(Front::of(profiles));
        start::seed(cloud, "endpoints.py", &[&public, objects])?;
        self.write_logins(cloud, profiles)
    }
}

/// Writes the configuration files that a cloud with these profiles has.
fn configure(cloud: &Cloud<'_>, profiles: &BTreeSet<Profile>) -> Result<()> {
    files(Settings::of(profiles))
        .iter()
        .try_for_each(|(path, text)| cloud.root.write(path, text, 0o644))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// Waits for a program's sign of life since a moment.
fn heartbeat(cloud: &Cloud<'_>, since: u64, name: &str) -> Result<()> {
    start::seed(cloud, "ready.py", &[&since.to_string(), "180", name])
}
