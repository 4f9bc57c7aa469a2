//! What `deploy` asks of a running tracker, asked by a real Prometheus and told by a real Alertmanager.

mod alertmanager;
mod deployed;
mod prometheus;
mod queries;
mod spike;
