//! Units of numbers: "byte * 2^20", "MegaBytes".

/// Returns how many bytes a unit is, or `None` for a unit that is not one of bytes.
///
/// Source: DMTF DSP0004, "Programmatic Units"; `MegaBytes` and the like are what OVF 0.9 wrote.
pub(super) fn bytes(unit: &str) -> Option<u64> {
    let plain: String = unit
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    match plain.as_str() {
        "byte" | "bytes" => return Some(1),
        "kilobytes" | "kb" | "kib" => return Some(1 << 10),
        "megabytes" | "mb" | "mib" => return Some(1 << 20),
        "gigabytes" | "gb" | "gib" => return Some(1 << 30),
        "terabytes" | "tb" | "tib" => return Some(1 << 40),
        _ => {}
    }
    let mut factors = plain.split('*');
    if !matches!(factors.next(), Some("byte" | "bytes")) {
        return None;
    }
    let mut product: u64 = 1;
    // Bounded by the unit's text; the product is checked.
    for factor in factors {
        let value = match factor.split_once('^') {
            Some((base, power)) => base.parse::<u64>().ok()?.checked_pow(power.parse().ok()?)?,
            None => factor.parse().ok()?,
        };
        product = product.checked_mul(value)?;
    }
    Some(product)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn units_are_read() {
        for (unit, wanted) in [
            ("byte", Some(1)),
            ("byte * 2^20", Some(1 << 20)),
            ("byte * 2 ^ 30", Some(1 << 30)),
            ("byte*2^10*2^10", Some(1 << 20)),
            ("byte * 10^9", Some(1_000_000_000)),
            ("byte * 1024", Some(1024)),
            ("MegaBytes", Some(1 << 20)),
            ("hertz * 10^6", None),
            ("byte * 2^64", None),
            ("byte * 2^63 * 2", None),
            ("byte * ", None),
            ("", None),
        ] {
            assert_eq!(bytes(unit), wanted, "{unit}");
        }
    }
}
