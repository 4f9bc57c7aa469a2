//! Lag, overdue sagas, live changes and lost events, on a real Apache Kafka and PostgreSQL.

mod freshness;
mod live;
mod monitor;
mod producers;
