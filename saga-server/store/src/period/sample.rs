//! Which sagas of a period are read where reading all would take too long.
//!
//! Each saga has a number that its id or its place in the table gives, evenly spread; those with a number below a limit are the
//! sample. So each saga has the same chance, busy hours count for more than quiet ones, and the same question reads the same
//! sagas again.

/// The numbers of sagas are below this.
pub(crate) const DRAWS: i64 = 65_536;

/// The limit below which the numbers of about `most` sagas of so many are; all of them are below [`DRAWS`].
pub(crate) fn drawn_below(most: u32, total: u64) -> i64 {
    let most = u64::from(most);
    if total <= most {
        return DRAWS;
    }
    let below = most.saturating_mul(DRAWS.unsigned_abs()).div_ceil(total);
    below.cast_signed()
}

/// Of how many sagas figures are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many sagas were read.
    pub sagas: u64,
    /// How many there are.
    pub of: u64,
}

impl Sample {
    /// A saga may have come while the total was being counted.
    #[must_use]
    pub fn new(sagas: u64, of: u64) -> Self {
        Self {
            sagas,
            of: of.max(sagas),
        }
    }

    /// Those of the sagas that have something that so many of the sagas that were read have.
    #[must_use]
    pub fn part(&self, sagas: u64) -> Self {
        if self.is_all() {
            return Self::new(sagas, sagas);
        }
        let of = u128::from(sagas) * u128::from(self.of) / u128::from(self.sagas.max(1));
        Self::new(sagas, u64::try_from(of).unwrap_or(u64::MAX))
    }

    /// Whether all sagas were read, so that figures are exact.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.sagas >= self.of
    }

    /// How far a share of the sagas that were read is off the share of all of them at the most, in 95 of 100 samples: the
    /// distance at a share of one half, where it is greatest. 0 when all sagas were read.
    #[must_use]
    pub fn share_error(&self) -> f64 {
        if self.sagas == 0 {
            return 0.0;
        }
        1.96 * (0.25 / count(self.sagas) * self.left_out()).sqrt()
    }

    /// How many sagas each one that was read stands for.
    #[must_use]
    pub fn weight(&self) -> f64 {
        if self.sagas == 0 {
            return 1.0;
        }
        count(self.of) / count(self.sagas)
    }

    /// The share of the sagas that were not read.
    pub(super) fn left_out(&self) -> f64 {
        if self.is_all() {
            return 0.0;
        }
        1.0 - count(self.sagas) / count(self.of)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no database holds 2^52 sagas")]
pub(super) fn count(sagas: u64) -> f64 {
    sagas as f64
}

/// One number of sagas of another one; 0 of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        count(part) / count(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_drawn_only_when_there_are_more_than_asked_for() {
        assert_eq!(drawn_below(600, 0), DRAWS);
        assert_eq!(drawn_below(600, 600), DRAWS);
        assert_eq!(drawn_below(600, 717), 54_842);
        assert_eq!(drawn_below(600, 1_200), DRAWS / 2);
        assert_eq!(drawn_below(600, u64::MAX), 1);
    }

    #[test]
    fn the_error_of_a_share_is_that_of_the_sample() {
        let error = |sagas, of| Sample::new(sagas, of).share_error();
        assert!(error(0, 0).abs() < f64::EPSILON && error(600, 600).abs() < f64::EPSILON);
        assert!((error(10_000, u64::MAX) - 0.0098).abs() < 1e-6);
        assert!((error(10_000, 20_000) - 0.0098 / 2_f64.sqrt()).abs() < 1e-6);
    }
}
