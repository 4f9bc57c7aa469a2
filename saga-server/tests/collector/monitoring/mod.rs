//! What `deploy` asks of a running tracker, evaluated by a real Prometheus and notified by a real Alertmanager.

mod alertmanager;
mod deployed;
mod links;
mod prometheus;
mod queries;
mod spike;
