-- The folds of sagas $1 to $2 of $3, the first of which starts at $4.
INSERT INTO saga_instance (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at,
    ended_at, duration_ms, failed_step, failure_reason, failure_group, outstanding, anomalies, awaited_step, awaited_service, awaited_deadline,
    owed_since, event_count, version, awaited_steps, awaited_services, fold)
SELECT saga_id, saga_type, 'ORD-' || saga, current_status, last_step, md5('trace' || saga), at[1], at[steps],
    CASE WHEN has_ended THEN at[steps] END,
    CASE WHEN has_ended THEN round(extract(epoch FROM at[steps] - at[1]) * 1000) END, failed_step, failure_reason, failure_group, outstanding, anomalies, awaited_step,
    awaited_service, at[1] + deadline_ms * interval '1 millisecond', at[owed_since], steps, steps,
    array_remove(ARRAY[awaited_step], NULL), array_remove(ARRAY[awaited_service], NULL),
    replace(replace(replace(replace(replace(replace(replace(replace(replace(fold,
        '@1@', millis[1]), '@2@', coalesce(millis[2], '')), '@3@', coalesce(millis[3], '')),
        '@4@', coalesce(millis[4], '')), '@5@', coalesce(millis[5], '')), '@6@', coalesce(millis[6], '')),
        '@SAGA@', saga_id), '@ORDER@', 'ORD-' || saga), '@TRACE@', md5('trace' || saga))
FROM (
    SELECT saga, 'saga-' || md5(saga::text) AS saga_id, kind.*, at,
        ARRAY(SELECT (extract(epoch FROM moment) * 1000)::bigint::text FROM unnest(at) AS moment) AS millis
    FROM generate_series($1::integer, $2::integer) AS saga
        JOIN many_sagas_kind AS kind ON kind.residue = saga % 1000,
        LATERAL (SELECT ARRAY(
            SELECT many_sagas_start(saga, $3, $4) + many_sagas_after(saga, number, steps, has_ended)
            FROM generate_series(1, steps) AS number) AS at) AS times
) AS sagas
