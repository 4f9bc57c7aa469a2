-- Fills empty tables with :sagas: sagas of five steps each, over thirty days, in the proportions of a busy shop. Ids are
-- scattered, as those of real sagas; folds have their length, but nobody can read them.
INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata,
    recorded_at, event_timestamp)
SELECT saga_id, saga_id || '-' || number, saga_type, 'ORD-' || saga, step, step_status, service, md5('trace' || saga),
    jsonb_build_object('producerService', service, 'traceId', md5('trace' || saga), 'spanId', left(md5('span' || saga || number), 16),
        'producerTimestamp', recorded_at, 'orderAmount', 1000 + saga % 977, 'customerId', 'customer-' || saga % 100000,
        'paymentMethod', (ARRAY['CARD', 'CARD', 'TRANSFER', 'POINTS'])[1 + saga % 4]),
    recorded_at, recorded_at
FROM (
    SELECT saga, 'saga-' || md5(saga::text) AS saga_id, number, started_at + number * interval '400 milliseconds' AS recorded_at,
        CASE WHEN saga % 20 < 15 THEN 'ORDER_CREATION' WHEN saga % 20 < 19 THEN 'PAYMENT_COMPLETION' ELSE 'REFUND' END AS saga_type,
        CASE WHEN number = 5 AND saga % 25 = 7 THEN 'PAYMENT_FAILED' WHEN number = 3 AND saga % 500 = 3 THEN 'LOYALTY_POINTS'
            ELSE (ARRAY['ORDER_CREATED', 'STOCK_RESERVED', 'PAYMENT_INITIALIZED', 'PAYMENT_COMPLETED', 'ORDER_CONFIRMED'])[number]
        END AS step,
        CASE WHEN number = 1 THEN 'STARTED' WHEN number = 5 AND saga % 25 = 7 THEN 'FAILED' WHEN number = 3 THEN 'IN_PROGRESS'
            ELSE 'COMPLETED' END AS step_status,
        CASE WHEN number = 3 AND saga % 500 = 3 THEN 'loyalty-service'
            ELSE (ARRAY['order-service', 'product-service', 'payment-service', 'payment-service', 'order-service'])[number]
        END AS service
    FROM (
        SELECT saga, timestamptz '2026-10-01 00:00:00Z' + saga * (interval '30 days' / :sagas:) AS started_at
        FROM generate_series(1, :sagas:) AS saga
    ) AS sagas CROSS JOIN generate_series(1, 5) AS number
) AS steps;

INSERT INTO saga_instance (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at,
    ended_at, failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service, awaited_deadline,
    event_count, version, fold)
SELECT 'saga-' || md5(saga::text),
    CASE WHEN saga % 20 < 15 THEN 'ORDER_CREATION' WHEN saga % 20 < 19 THEN 'PAYMENT_COMPLETION' ELSE 'REFUND' END,
    'ORD-' || saga, status, 'ORDER_CONFIRMED', md5('trace' || saga), started_at, updated_at,
    CASE WHEN status IN ('COMPLETED', 'FAILED', 'COMPENSATED') THEN updated_at END,
    CASE WHEN status IN ('FAILED', 'COMPENSATED') THEN 'PAYMENT_FAILED' END,
    CASE WHEN status IN ('FAILED', 'COMPENSATED') THEN
        (ARRAY['CARD_DECLINED', 'CARD_DECLINED', 'LIMIT_EXCEEDED', 'TIMEOUT', 'out of stock: ' || saga % 1000])[1 + saga / 25 % 5] END,
    CASE WHEN status = 'FAILED' AND saga % 400 = 7 THEN ARRAY['STOCK_RESERVED'] ELSE '{}' END,
    CASE WHEN saga % 1000 = 5 THEN ARRAY['UNKNOWN_STEP'] ELSE '{}' END,
    CASE WHEN status = 'IN_PROGRESS' THEN 'ORDER_CONFIRMED' END, CASE WHEN status = 'IN_PROGRESS' THEN 'order-service' END,
    CASE WHEN status = 'IN_PROGRESS' THEN started_at + interval '10 minutes' END,
    5, 5, repeat('f', 700)
FROM (
    SELECT saga, started_at, started_at + CASE WHEN saga % 997 = 0 THEN interval '3 days' ELSE saga % 90 * interval '1 second' END
            + interval '2 seconds' AS updated_at,
        CASE WHEN saga % 25 = 7 THEN CASE WHEN saga % 50 = 7 THEN 'FAILED' ELSE 'COMPENSATED' END
            WHEN saga % 100 = 11 THEN 'IN_PROGRESS' WHEN saga % 1000 = 13 THEN 'STARTED' ELSE 'COMPLETED' END AS status
    FROM (
        SELECT saga, timestamptz '2026-10-01 00:00:00Z' + saga * (interval '30 days' / :sagas:) AS started_at
        FROM generate_series(1, :sagas:) AS saga
    ) AS sagas
) AS sagas;

INSERT INTO saga_rollup (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT width, date_bin(width * interval '1 second', started_at, '0001-01-01 00:00:00+00'), saga_type, status, from_ms,
    count(*), sum(duration_ms)
FROM saga_counted CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)
GROUP BY 1, 2, 3, 4, 5;
