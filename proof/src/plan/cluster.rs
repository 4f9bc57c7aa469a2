//! The machines of a plan over three zones, and what the loss of one stops.
//!
//! A partition is written while two of its three replicas live, and its leader moves after [`Times::election`]. A collector that is lost
//! keeps its partitions until its session ends. A batch holds sagas of all workers, so while one of them has no primary, nothing is
//! stored: that is the price of transactions. A standby takes over once; until it has one again, its worker must come back itself.

use super::sizing::{Sizing, ZONES};

/// How long things take, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Until a lost broker's partitions have another leader.
    pub(super) election: f64,
    /// Until the group gives a lost collector's partitions to others.
    pub(super) session: f64,
    /// Until a standby is promoted and its connections are known.
    pub(super) failover: f64,
    /// Until a machine that was lost is back, or another one in its place.
    pub(super) restart: f64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            election: 10.0,
            session: 18.0,
            failover: 30.0,
            restart: 300.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Broker(usize),
    Collector(usize),
    Worker(usize),
    Zone(usize),
}

impl Fault {
    pub(super) fn name(self) -> String {
        match self {
            Self::Broker(number) => format!("broker {number}"),
            Self::Collector(number) => format!("collector {number}"),
            Self::Worker(number) => format!("worker {number}"),
            Self::Zone(number) => format!("zone {number}"),
        }
    }
}

/// A machine, by the moments until which it is away.
#[derive(Debug, Clone, Copy, Default)]
struct Machine {
    away_until: f64,
    /// What it did is done by another one from this moment on.
    replaced_at: f64,
}

#[derive(Debug)]
pub(super) struct Cluster {
    times: Times,
    brokers: Vec<Machine>,
    collectors: Vec<Machine>,
    workers: Vec<Worker>,
}

#[derive(Debug, Clone, Copy)]
struct Worker {
    machine: Machine,
    /// Where its primary is; its standby is in the next zone.
    zone: usize,
    has_standby: bool,
}

impl Cluster {
    pub(super) fn new(size: &Sizing, times: Times) -> Self {
        Self {
            times,
            brokers: vec![Machine::default(); size.brokers],
            collectors: vec![Machine::default(); size.collectors],
            workers: (0..size.workers)
                .map(|number| Worker {
                    machine: Machine::default(),
                    zone: number % ZONES,
                    has_standby: true,
                })
                .collect(),
        }
    }

    pub(super) fn machines(&self) -> (usize, usize, usize) {
        (self.brokers.len(), self.collectors.len(), self.workers.len())
    }

    /// Something is lost now, for so long.
    pub(super) fn lose(&mut self, fault: Fault, now: f64, seconds: f64) {
        let times = self.times;
        match fault {
            Fault::Broker(number) => self.brokers[number].lose(now, seconds, times.election),
            Fault::Collector(number) => self.collectors[number].lose(now, seconds, times.session),
            Fault::Worker(number) => self.workers[number].lose(now, seconds, times.failover),
            Fault::Zone(zone) => {
                let of_zone = |number: &usize| number % ZONES == zone;
                (0..self.brokers.len())
                    .filter(of_zone)
                    .for_each(|number| self.brokers[number].lose(now, seconds, times.election));
                (0..self.collectors.len())
                    .filter(of_zone)
                    .for_each(|number| self.collectors[number].lose(now, seconds, times.session));
                for worker in &mut self.workers {
                    worker.has_standby &= worker.standby_zone() != zone;
                }
                self.workers
                    .iter_mut()
                    .filter(|worker| worker.zone == zone)
                    .for_each(|worker| worker.lose(now, seconds, times.failover));
            }
        }
    }

    /// Whether the database takes anything.
    pub(super) fn stores(&self, now: f64) -> bool {
        self.workers.iter().all(|worker| worker.machine.is_served(now))
    }

    /// Workers whose next loss is not covered.
    pub(super) fn uncovered(&self) -> usize {
        self.workers.iter().filter(|worker| !worker.has_standby).count()
    }

    /// Whether a partition has a leader: its first replica, or another one after an election.
    pub(super) fn has_leader(&self, partition: usize, now: f64) -> bool {
        self.brokers[partition % self.brokers.len()].is_served(now)
    }

    /// Whether it takes records: two of its replicas, one in each zone, live.
    pub(super) fn takes(&self, partition: usize, now: f64) -> bool {
        let brokers = self.brokers.len();
        let alive = (0..ZONES)
            .filter(|zone| self.brokers[(partition + zone) % brokers].away_until <= now)
            .count();
        self.has_leader(partition, now) && alive >= 2
    }

    /// Who reads a partition; none while the group does not know yet that its collector is lost.
    pub(super) fn collector_of(&self, partition: usize, now: f64) -> Option<usize> {
        let count = self.collectors.len();
        let first = partition % count;
        if !self.collectors[first].is_served(now) {
            return None;
        }
        let alive: Vec<usize> = (0..count)
            .filter(|number| self.collectors[*number].away_until <= now)
            .collect();
        if alive.contains(&first) {
            return Some(first);
        }
        // Those of a lost one are spread over all others.
        alive.get(partition / count % alive.len().max(1)).copied()
    }
}

impl Worker {
    fn standby_zone(&self) -> usize {
        (self.zone + 1) % ZONES
    }

    fn lose(&mut self, now: f64, seconds: f64, failover: f64) {
        if std::mem::take(&mut self.has_standby) {
            self.zone = self.standby_zone();
            self.machine.lose(now, seconds, failover);
        } else {
            self.machine.lose(now, seconds, seconds);
        }
    }
}

impl Machine {
    fn lose(&mut self, now: f64, seconds: f64, replaced_after: f64) {
        self.away_until = self.away_until.max(now + seconds);
        self.replaced_at = now + replaced_after.min(seconds);
    }

    /// Whether it is there, or another one does its work.
    fn is_served(&self, now: f64) -> bool {
        self.away_until <= now || self.replaced_at <= now
    }
}
