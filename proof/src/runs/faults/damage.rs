//! What is done to the parts, and when: spread over the work, so that each damage meets a collector that got on since
//! the one before.

use std::{collections::VecDeque, fmt};

use crate::parts::Part;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    KillServer,
    SecondServer,
    NoSecondServer,
    Restart(Part),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillServer => formatter.write_str("a server is killed"),
            Self::SecondServer => formatter.write_str("a second server joins"),
            Self::NoSecondServer => formatter.write_str("one of two servers is gone"),
            Self::Restart(part) => write!(formatter, "{} is killed and started again", part.as_str()),
        }
    }
}

/// Each damage with the share of the work after which it is due.
#[derive(Debug)]
pub(super) struct Schedule(VecDeque<(f64, Damage)>);

impl Schedule {
    /// So many kills of a server, some of them at the moment when the database goes: so one starts without it.
    pub(super) fn new(kills: usize, restarts: usize) -> Self {
        let spread = |count: usize, shift: f64, damage: Damage| {
            (0..count).map(move |index| ((index as f64 + shift) / count as f64, damage))
        };
        let without_database = restarts.min(kills);
        let mut schedule: Vec<_> = spread(kills - without_database, 0.5, Damage::KillServer)
            .chain(spread(restarts, 0.28, Damage::Restart(Part::Postgres)))
            .chain(spread(restarts, 0.28, Damage::KillServer).take(without_database))
            .chain(spread(restarts, 0.62, Damage::Restart(Part::Kafka)))
            .chain([(0.25, Damage::SecondServer), (0.75, Damage::NoSecondServer)])
            .collect();
        schedule.sort_by(|left, right| left.0.total_cmp(&right.0));
        Self(schedule.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next damage, if so large a share of the work is done.
    pub(super) fn due(&mut self, share: f64) -> Option<Damage> {
        self.0
            .pop_front_if(|(at, _)| *at <= share)
            .map(|(_, damage)| damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_becomes_due_in_order() {
        let mut schedule = Schedule::new(3, 1);
        assert_eq!(schedule.due(0.1), None);
        let early: Vec<_> = std::iter::from_fn(|| schedule.due(0.3)).collect();
        let database = Damage::Restart(Part::Postgres);
        assert_eq!(
            early,
            [
                Damage::KillServer,
                Damage::SecondServer,
                database,
                Damage::KillServer
            ]
        );
        let rest = std::iter::from_fn(|| schedule.due(1.0)).count();
        assert_eq!((rest, schedule.is_empty()), (3, true));
    }
}
