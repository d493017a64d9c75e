//! The unified social credit code (统一社会信用代码) of a firm, by GB 32100-2015.
//!
//! 18 characters: one for the registering authority, one for the kind of firm, six digits for the
//! place, nine characters for the body, and a check character. Characters count by their place in
//! `0123456789ABCDEFGHJKLMNPQRTUWXY` (no I, O, S, V, Z); character i (from 0) has the weight
//! 3^i mod 31; the check character makes the weighted sum of the first 17 and itself 0 modulo 31.
//!
//! Invariant: none. Not here: whether such a firm exists (the registry's matter).

/// The characters, in order of what they count.
const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Characters of a code.
const LENGTH: usize = 18;
/// The place of the six digits.
const PLACE: std::ops::Range<usize> = 2..8;

/// Whether `code` has the form and the check character of a unified social credit code.
pub(crate) fn is_code(code: &str) -> bool {
    let bytes = code.as_bytes();
    if bytes.len() != LENGTH || !bytes[PLACE].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let (mut sum, mut weight) = (0, 1);
    for (index, byte) in bytes.iter().enumerate() {
        let Some(counts) = CHARACTERS.iter().position(|one| one == byte) else {
            return false;
        };
        sum += counts * if index == LENGTH - 1 { 1 } else { weight };
        weight = weight * 3 % 31;
    }
    sum % 31 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check character by the standard's own words: 31 less the weighted sum modulo 31.
    fn check_character(first: &str) -> char {
        let weights = [
            1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
        ];
        let counts = |byte: u8| CHARACTERS.iter().position(|one| *one == byte).unwrap();
        let sum: usize = first
            .bytes()
            .zip(weights)
            .map(|(byte, weight)| counts(byte) * weight)
            .sum();
        char::from(CHARACTERS[(31 - sum % 31) % 31])
    }

    #[test]
    fn a_code_has_the_check_character_the_standard_computes() {
        for first in [
            "91330200000000000",
            "91330203ABCDEFGHJ",
            "12330200XYWUTRQPN",
            "5133020011111111M",
        ] {
            let right = check_character(first);
            for last in CHARACTERS.iter().map(|byte| char::from(*byte)) {
                assert_eq!(
                    is_code(&format!("{first}{last}")),
                    last == right,
                    "{first}{last}"
                );
            }
        }
    }

    #[test]
    fn a_published_code_is_right_and_damaged_ones_are_not() {
        // An example in public use.
        let code = "91350100M000100Y43";
        assert!(is_code(code));
        for at in 0..LENGTH {
            for byte in CHARACTERS {
                let mut bytes = code.as_bytes().to_vec();
                if bytes[at] != *byte {
                    bytes[at] = *byte;
                    assert!(
                        !is_code(std::str::from_utf8(&bytes).unwrap()),
                        "{at} {byte}"
                    );
                }
            }
        }
        for wrong in [
            "",
            "91350100M000100Y4",
            "91350100M000100Y430",
            "91350100m000100y43",
            "9135010IM000100Y43",
            "913501乙000100Y43",
        ] {
            assert!(!is_code(wrong), "{wrong}");
        }
    }
}
