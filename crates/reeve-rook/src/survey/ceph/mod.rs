//! What Ceph says of itself: questions on the admin host, and answers turned into facts.

mod crush;
mod gateways;
mod hosts;
mod osds;
mod read;

pub(crate) use hosts::Wanted;
pub(crate) use read::{CephAnswers, read};
