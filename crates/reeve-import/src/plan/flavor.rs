//! Choosing a flavor: the smallest that has what the machine has, those with names of the SCS standard first.

use super::cloud::FlavorFact;

/// Extra specs that a flavor has for machines which need something special.
const SPECIAL: [&str; 4] = ["pci_passthrough:", "resources:", "trait:", "hw:mem_encryption"];

/// Returns the flavor for a machine: the smallest with at least so many processors and so much memory.
///
/// Of those that fit, flavors that are named by scs-0100 come first, then those that offer nothing special, then fewer processors, less memory, a smaller root disk (volumes
/// hold the data), a shorter name.
pub(super) fn smallest(flavors: &[FlavorFact], cpus: u64, memory_mib: u64) -> Option<&FlavorFact> {
    flavors
        .iter()
        .filter(|flavor| flavor.vcpus >= cpus && flavor.memory_mib >= memory_mib)
        .min_by_key(|flavor| {
            let is_special = flavor
                .extra_specs
                .keys()
                .any(|key| SPECIAL.iter().any(|special| key.starts_with(special)));
            let is_named = flavor.name.starts_with("SCS-");
            let (vcpus, memory, disk) = (flavor.vcpus, flavor.memory_mib, flavor.disk_gib);
            (
                !is_named,
                is_special,
                vcpus,
                memory,
                disk,
                flavor.name.len(),
                flavor.name.clone(),
            )
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flavor(name: &str, vcpus: u64, memory_mib: u64, disk_gib: u64) -> FlavorFact {
        FlavorFact {
            id: name.to_owned(),
            name: name.to_owned(),
            vcpus,
            memory_mib,
            disk_gib,
            extra_specs: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn the_smallest_that_fits_is_chosen_and_scs_names_come_first() {
        let mut flavors = vec![
            flavor("m1.small", 2, 4096, 0),
            flavor("SCS-2V-8", 2, 8192, 0),
            flavor("SCS-2V-8-20s", 2, 8192, 20),
            flavor("SCS-4V-8", 4, 8192, 0),
        ];
        let mut gpu = flavor("SCS-2V-4_GNa-14h", 2, 4096, 0);
        gpu.extra_specs.insert("resources:VGPU".to_owned(), "1".to_owned());
        flavors.push(gpu);
        assert_eq!(smallest(&flavors, 2, 4096).unwrap().name, "SCS-2V-8");
        assert_eq!(smallest(&flavors, 3, 100).unwrap().name, "SCS-4V-8");
        assert_eq!(smallest(&flavors[..1], 2, 4096).unwrap().name, "m1.small");
        assert_eq!(smallest(&flavors, 8, 1), None);
    }

    proptest! {
        #[test]
        fn what_is_chosen_fits_and_nothing_of_its_kind_is_smaller(
            sizes in prop::collection::vec((1_u64..9, 1_u64..9, any::<bool>()), 0..12), cpus in 1_u64..9, memory in 1_u64..9
        ) {
            let flavors: Vec<FlavorFact> = sizes
                .iter()
                .enumerate()
                .map(|(at, (vcpus, memory, scs))| flavor(&format!("{}{at}", if *scs { "SCS-" } else { "m" }), *vcpus, *memory, 0))
                .collect();
            let fits = |flavor: &&FlavorFact| flavor.vcpus >= cpus && flavor.memory_mib >= memory;
            match smallest(&flavors, cpus, memory) {
                None => prop_assert_eq!(flavors.iter().find(fits), None),
                Some(chosen) => {
                    prop_assert!(fits(&chosen));
                    for other in flavors.iter().filter(fits) {
                        let better = other.name.starts_with("SCS-") && !chosen.name.starts_with("SCS-");
                        prop_assert!(!better);
                        if other.name.starts_with("SCS-") == chosen.name.starts_with("SCS-") {
                            prop_assert!((chosen.vcpus, chosen.memory_mib) <= (other.vcpus, other.memory_mib));
                        }
                    }
                }
            }
        }
    }
}
