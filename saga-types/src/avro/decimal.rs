//! Decimals of any Avro schema, as their digits.

use bigdecimal::{BigDecimal, num_bigint::BigInt};

/// The longest decimal that is read, in bytes, and the most digits behind the point: longer ones are no numbers of JSON that others could read.
const MAX_BYTES: usize = 120;
const MAX_SCALE: i64 = 300;

/// The digits of a decimal: its bytes are a whole number in two's complement, the first byte the highest, of which so many digits stand
/// behind the point. `None` for one that is too long.
#[must_use]
pub fn decimal_digits(bytes: &[u8], scale: i64) -> Option<String> {
    if bytes.is_empty() || bytes.len() > MAX_BYTES || !(0..=MAX_SCALE).contains(&scale) {
        return None;
    }
    let whole = BigInt::from_signed_bytes_be(bytes);
    Some(BigDecimal::from_bigint(whole, scale).to_plain_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_all_its_digits() {
        for (bytes, scale, digits) in [
            (&[0x04, 0xe2][..], 2, "12.50"),
            (&[0x41], 2, "0.65"),
            (&[0x00, 0xc8], 2, "2.00"),
            (&[0xcf, 0xc7], 4, "-1.2345"),
            (&[0x00], 2, "0.00"),
            (&[0x64], 0, "100"),
        ] {
            assert_eq!(decimal_digits(bytes, scale).as_deref(), Some(digits));
        }
        let longest = decimal_digits(&[0x7f; MAX_BYTES], 0).unwrap();
        assert!(serde_json::from_str::<f64>(&longest).is_ok(), "{longest}");
        for (bytes, scale) in [
            (&[0x7f; MAX_BYTES + 1][..], 2),
            (&[], 2),
            (&[1], -1),
            (&[1], i64::MAX),
        ] {
            assert_eq!(decimal_digits(bytes, scale), None);
        }
    }
}
