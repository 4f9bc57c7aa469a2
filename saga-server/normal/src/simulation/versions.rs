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
        let minute = minute(random, rates);
        comparison.add(minute);
        so_far += minute.baseline.all + minute.candidate.all;
        let judgement = comparison.judge(margin);
        if judgement.verdict != Verdict::NotYetKnown || so_far >= sagas {
            return judgement;
        }
    }
}

/// What two versions were called at any of many looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EverCalled {
    /// Worse, before or after anything else.
    pub worse: bool,
    /// Not worse.
    pub not_worse: bool,
}

/// Looks at two versions after every minute, whatever the verdict is, until both had so many sagas together: who asks again does
/// not stop at the first one.
pub fn looked_at_to_the_end(random: &mut fastrand::Rng, rates: Rates, sagas: u64, margin: f64) -> EverCalled {
    let mut comparison = Comparison::default();
    let mut called = EverCalled::default();
    let mut so_far = 0;
    while so_far < sagas {
        let minute = minute(random, rates);
        comparison.add(minute);
        so_far += minute.baseline.all + minute.candidate.all;
        match comparison.judge(margin).verdict {
            Verdict::Worse => called.worse = true,
            Verdict::NotWorse => called.not_worse = true,
            Verdict::NotYetKnown => {}
        }
    }
    called
}

fn minute(random: &mut fastrand::Rng, rates: Rates) -> Minute {
    let factor = if random.u8(..) < 13 { 2.0 } else { 1.0 };
    let (baseline, candidate) = (random.u64(2..40), random.u64(2..40));
    Minute {
        baseline: drawn(random, baseline, rates.baseline * factor),
        candidate: drawn(random, candidate, rates.candidate * factor),
    }
}

fn drawn(random: &mut fastrand::Rng, all: u64, rate: f64) -> Share {
    let of = (0..all).filter(|_| random.f64() < rate).count() as u64;
    Share { of, all }
}
