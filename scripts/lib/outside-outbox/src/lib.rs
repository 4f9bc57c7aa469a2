//! The same service twice: an order and its step in one transaction, by diesel and by sea-orm.

pub mod by_diesel;
pub mod by_sea_orm;
