//! By sea-orm.

use saga_sdk::{Saga, outbox::Outbox, steps};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, DatabaseConnection, EntityTrait as _, TransactionTrait as _,
};

pub mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod saga_outbox {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "saga_outbox")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub position: i64,
        pub saga_id: String,
        pub event: Vec<u8>,
        pub traceparent: Option<String>,
        pub tracestate: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Takes an order; an order that is there already is refused, and so its step is not recorded.
pub async fn place_order(
    database: &DatabaseConnection,
    saga: &Saga,
    order_id: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let transaction = database.begin().await?;
    let step = saga.start(steps::ORDER_CREATED).with("itemCount", 2);
    if let Some(row) = Outbox::new("order-service").row(step)? {
        let row = saga_outbox::ActiveModel {
            saga_id: Set(row.saga_id),
            event: Set(row.event),
            traceparent: Set(row.traceparent),
            tracestate: Set(row.tracestate),
            ..Default::default()
        };
        row.insert(&transaction).await?;
    }
    let order = order::ActiveModel {
        id: Set(order_id.to_owned()),
    };
    order::Entity::insert(order).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}
