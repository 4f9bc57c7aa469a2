//! Events through the machines of a plan, second by second: what waits where, while machines are lost.

use std::collections::VecDeque;

use fastrand::Rng;

use super::{
    cluster::{Cluster, Fault},
    inputs::Inputs,
    sizing::{COLLECTOR_PROCESSORS, Sizing, WORKER_PROCESSORS},
};

/// The length of a step, in seconds.
pub(super) const STEP: f64 = 0.1;

/// An event that waits no longer than this is no lag.
const RECOVERED: f64 = 1.0;

/// How fast events come and can be handled, in events a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) arriving: f64,
    /// By how much of it, up or down, the arrivals of a step vary.
    pub(super) variation: f64,
    /// Of one collector that catches up, in large batches.
    pub(super) collector: f64,
    /// Of all workers together.
    pub(super) database: f64,
}

impl Rates {
    pub(super) fn of(size: &Sizing, inputs: &Inputs) -> Self {
        let workers = f64::from(u32::try_from(size.workers).unwrap_or(u32::MAX));
        Self {
            arriving: size.plan.rate,
            variation: 0.3,
            collector: COLLECTOR_PROCESSORS * inputs.collected_by_processor(),
            database: workers * WORKER_PROCESSORS * inputs.stored_by_processor(),
        }
    }
}

/// A partition: what its producers hold, and what is on it, by when it came.
#[derive(Debug, Default)]
struct Partition {
    held: VecDeque<(f64, u64)>,
    waiting: VecDeque<(f64, u64)>,
    /// What is less than an event.
    rest: f64,
}

impl Partition {
    fn oldest(&self) -> Option<f64> {
        self.waiting.front().or(self.held.front()).map(|(came, _)| *came)
    }

    fn count(queue: &VecDeque<(f64, u64)>) -> u64 {
        queue.iter().map(|(_, events)| events).sum()
    }

    /// Takes the oldest of what is on it.
    fn take(&mut self, most: u64) -> u64 {
        let mut left = most;
        while left > 0
            && let Some((_, events)) = self.waiting.front_mut()
        {
            let taken = left.min(*events);
            *events -= taken;
            left -= taken;
            if *events == 0 {
                self.waiting.pop_front();
            }
        }
        most - left
    }
}

/// What a fault did.
#[derive(Debug, Clone)]
pub(super) struct Episode {
    pub(super) fault: Fault,
    pub(super) at: f64,
    /// How long nothing was stored.
    pub(super) stopped: f64,
    pub(super) most_waiting: u64,
    pub(super) longest_wait: f64,
    /// After how long nothing waited any more; none when the next fault came before.
    pub(super) recovered_after: Option<f64>,
}

pub(super) struct Simulation {
    rates: Rates,
    pub(super) cluster: Cluster,
    partitions: Vec<Partition>,
    rng: Rng,
    pub(super) now: f64,
    steps: u32,
    pub(super) recorded: u64,
    pub(super) stored: u64,
    pub(super) most_held: u64,
    pub(super) episodes: Vec<Episode>,
    rest: f64,
}

impl Simulation {
    pub(super) fn new(rates: Rates, cluster: Cluster, partitions: usize, seed: u64) -> Self {
        Self {
            rates,
            cluster,
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            rng: Rng::with_seed(seed),
            now: 0.0,
            steps: 0,
            recorded: 0,
            stored: 0,
            most_held: 0,
            episodes: Vec::new(),
            rest: 0.0,
        }
    }

    pub(super) fn lose(&mut self, fault: Fault, seconds: f64) {
        self.cluster.lose(fault, self.now, seconds);
        self.episodes.push(Episode {
            fault,
            at: self.now,
            stopped: 0.0,
            most_waiting: 0,
            longest_wait: 0.0,
            recovered_after: None,
        });
    }

    /// Held by producers, and on the topic.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let held = self
            .partitions
            .iter()
            .map(|partition| Partition::count(&partition.held));
        let waiting = self.partitions.iter();
        let waiting = waiting.map(|partition| Partition::count(&partition.waiting));
        (held.sum(), waiting.sum())
    }

    pub(super) fn step(&mut self) {
        self.arrive();
        let stored = self.store();
        self.stored += stored;
        self.observe(stored);
        self.steps += 1;
        self.now = f64::from(self.steps) * STEP;
    }

    fn arrive(&mut self) {
        let share = self.rates.arriving * STEP / self.partitions.len() as f64;
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            let factor = 1.0 + self.rates.variation * (2.0 * self.rng.f64() - 1.0);
            let events = whole(&mut partition.rest, share * factor);
            self.recorded += events;
            if events > 0 {
                partition.held.push_back((self.now, events));
            }
            if self.cluster.takes(number, self.now) {
                partition.waiting.append(&mut partition.held);
            }
        }
    }

    /// Each collector takes what it can of its partitions, all of them together what the database can.
    fn store(&mut self) -> u64 {
        if !self.cluster.stores(self.now) {
            return 0;
        }
        let (_, collectors, _) = self.cluster.machines();
        let mut owned = vec![Vec::new(); collectors];
        for number in 0..self.partitions.len() {
            if self.cluster.has_leader(number, self.now)
                && let Some(collector) = self.cluster.collector_of(number, self.now)
            {
                owned[collector].push(number);
            }
        }
        let most = self.rates.collector * STEP;
        let wanted: Vec<f64> = owned
            .iter()
            .map(|owned| {
                let waiting = owned.iter();
                let waiting = waiting.map(|number| Partition::count(&self.partitions[*number].waiting));
                (waiting.sum::<u64>() as f64).min(most)
            })
            .collect();
        let all: f64 = wanted.iter().sum();
        let granted = (self.rates.database * STEP).min(all);
        let mut stored = 0;
        for (owned, wanted) in owned.iter().zip(&wanted) {
            let mut left = whole(
                &mut self.rest,
                if all > 0.0 { granted * wanted / all } else { 0.0 },
            );
            // In turns, so that none falls behind.
            for (index, number) in owned.iter().enumerate() {
                let turn = left.div_ceil((owned.len() - index) as u64);
                let taken = self.partitions[*number].take(turn);
                left -= taken;
                stored += taken;
            }
            for number in owned {
                let taken = self.partitions[*number].take(left);
                left -= taken;
                stored += taken;
            }
        }
        stored
    }

    fn observe(&mut self, stored: u64) {
        let (held, waiting) = self.waiting();
        self.most_held = self.most_held.max(held);
        let oldest = self.partitions.iter().filter_map(Partition::oldest);
        let wait = self.now - oldest.fold(self.now, f64::min);
        let Some(episode) = self
            .episodes
            .last_mut()
            .filter(|last| last.recovered_after.is_none())
        else {
            return;
        };
        if stored == 0 {
            episode.stopped += STEP;
        }
        episode.most_waiting = episode.most_waiting.max(held + waiting);
        episode.longest_wait = episode.longest_wait.max(wait);
        // What it stops is stopped for some seconds at least.
        if wait < RECOVERED && self.now - episode.at > 2.0 * RECOVERED {
            episode.recovered_after = Some(self.now - episode.at);
        }
    }
}

/// The whole events of an amount, whose rest is kept for the next.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number far below 2^53"
)]
fn whole(rest: &mut f64, amount: f64) -> u64 {
    let all = *rest + amount;
    let events = all.floor();
    *rest = all - events;
    events as u64
}
