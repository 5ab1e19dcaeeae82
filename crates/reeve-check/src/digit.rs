//! Decimal digits of all scripts: Python counts them as digits, and the official tests are written in Python.

/// The zero of each script; the nine characters behind it are its other digits. Source: Unicode 14.0, general category `Nd`, as in Python 3.11.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
    0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
    0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950,
    0x1fbf0,
];

/// Returns the value of a decimal digit of any script.
pub(crate) fn value(c: char) -> Option<u32> {
    let code = u32::from(c);
    let at = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(at.checked_sub(1)?)?;
    (code - zero < 10).then(|| code - zero)
}

/// Tells whether a text has decimal digits only, and at least one.
pub(crate) fn all_decimal(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| value(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_count() {
        assert_eq!(
            (value('7'), value('٣'), value('９'), value('𝟡')),
            (Some(7), Some(3), Some(9), Some(9))
        );
        assert_eq!(
            (value('x'), value('²'), value('½'), value('/'), value(':')),
            (None, None, None, None, None)
        );
        assert!(
            all_decimal("48") && all_decimal("٤٨") && !all_decimal("") && !all_decimal("4 8") && !all_decimal("-1")
        );
        assert!(ZEROS.is_sorted());
    }
}
