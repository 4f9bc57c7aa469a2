//! Stores that cannot answer.

use async_trait::async_trait;
use saga_server::store::{
    AppendError, Appended, Attention, Page, Position, SagaQuery, Statistics, StatisticsQuery, StepPage,
    Store, StoreError,
};
use saga_types::{SagaEvent, SagaStatus, Timestamp, fold::SagaState};

/// What happens to every question.
pub(crate) enum Trouble {
    Away,
    Corrupt,
    Bug,
}

pub(crate) struct Broken(pub(crate) Trouble);

impl Broken {
    fn answer<T>(&self) -> Result<T, StoreError> {
        match self.0 {
            Trouble::Away => Err(StoreError::Unavailable("password=hidden".to_owned())),
            Trouble::Corrupt => Err(StoreError::Corrupt("row 7 hidden".to_owned())),
            Trouble::Bug => panic!("hidden, and part of the test"),
        }
    }
}

#[async_trait]
impl Store for Broken {
    async fn migrate(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn append(&self, _: Vec<SagaEvent>) -> Result<Appended, AppendError> {
        Err(AppendError::Unavailable(String::new()))
    }

    async fn saga(&self, _: &str) -> Result<Option<SagaState>, StoreError> {
        self.answer()
    }

    async fn saga_as_of(&self, _: &str, _: Timestamp) -> Result<Option<SagaState>, StoreError> {
        self.answer()
    }

    async fn steps(&self, _: &str, _: Option<&Position>, _: u32) -> Result<Option<StepPage>, StoreError> {
        self.answer()
    }

    async fn search(&self, _: &SagaQuery) -> Result<Page, StoreError> {
        self.answer()
    }

    async fn statistics(&self, _: &StatisticsQuery) -> Result<Statistics, StoreError> {
        self.answer()
    }

    async fn count_by_status(&self) -> Result<[(SagaStatus, u64); 5], StoreError> {
        self.answer()
    }

    async fn attention(&self, _: Timestamp) -> Result<Attention, StoreError> {
        self.answer()
    }
}
