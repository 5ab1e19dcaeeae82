//! Reading what commands on a host print; pure functions, none of which fails: a line that is not understood is skipped.

mod conf;
mod files;
mod kubernetes_images;
mod listing;
mod ports;
mod processes;
mod system;
mod units;

pub(crate) use conf::{parse_ceph_conf, parse_files_of};
pub(crate) use files::{FoundFiles, parse_grep};
pub(crate) use kubernetes_images::{parse_crictl_images, parse_ctr_images};
pub(crate) use listing::{Entry, data_dir, data_dirs, mon_stores, parse_df, parse_find};
pub(crate) use ports::parse_listening;
pub(crate) use processes::{Process, parse_ps};
pub(crate) use system::{
    LoginFacts, parse_addresses, parse_chrony, parse_id, parse_login, parse_memory, parse_passwd, parse_timedatectl,
    selinux,
};
pub(crate) use units::{Unit, deployment_of, parse_units};
