-- The steps of sagas $1 to $2 of $3, the first of which starts at $4. Ids are scattered, as those of real sagas.
INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata,
    recorded_at, event_timestamp)
SELECT saga_id, saga_id || '-' || number, saga_type, 'ORD-' || saga, step, status, service, md5('trace' || saga),
    jsonb_strip_nulls(jsonb_build_object('producerService', service, 'traceId', md5('trace' || saga),
        'spanId', left(md5('span' || saga || number), 16), 'producerTimestamp', recorded_at, 'orderAmount', 1000 + saga % 977,
        'customerId', 'customer-' || saga % 100000,
        'paymentMethod', (ARRAY['CARD', 'CARD', 'TRANSFER', 'POINTS'])[1 + saga % 4], 'failureReason', reason)),
    recorded_at, recorded_at
FROM (
    SELECT saga, 'saga-' || md5(saga::text) AS saga_id, step.*,
        many_sagas_start(saga, $3, $4) + many_sagas_after(saga, number, steps, has_ended) AS recorded_at
    FROM generate_series($1::integer, $2::integer) AS saga
        JOIN many_sagas_kind AS kind ON kind.residue = saga % 1000
        JOIN many_sagas_step AS step ON step.residue = saga % 1000
) AS steps
