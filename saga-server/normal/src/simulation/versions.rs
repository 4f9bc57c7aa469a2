//! Sagas of two versions, of which some fail.

use crate::{
    counts::Share,
    sequential::{Comparison, Judgement, Minute, Verdict},
};

/// How often sagas of each version fail.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    baseline: f64,
    candidate: f64,
}

impl Rates {
    /// From 0 to 1.
    #[must_use]
    pub fn new(baseline: f64, candidate: f64) -> Self {
        Self { baseline, candidate }
    }
}

/// Looks at two versions after every minute until there is a verdict, or until both had so many sagas together. The minutes are
/// as uneven as real ones: quiet ones, busy ones, and some in which everything fails twice as often.
pub fn looked_at_every_minute(
    random: &mut fastrand::Rng,
    rates: Rates,
    sagas: u64,
    margin: f64,
) -> Judgement {
    let mut comparison = Comparison::default();
    let mut so_far = 0;
    loop {
        let factor = if random.u8(..) < 13 { 2.0 } else { 1.0 };
        let (baseline, candidate) = (random.u64(2..40), random.u64(2..40));
        comparison.add(Minute {
            baseline: drawn(random, baseline, rates.baseline * factor),
            candidate: drawn(random, candidate, rates.candidate * factor),
        });
        so_far += baseline + candidate;
        let judgement = comparison.judge(margin);
        if judgement.verdict != Verdict::NotYetKnown || so_far >= sagas {
            return judgement;
        }
    }
}

fn drawn(random: &mut fastrand::Rng, all: u64, rate: f64) -> Share {
    let of = (0..all).filter(|_| random.f64() < rate).count() as u64;
    Share { of, all }
}
