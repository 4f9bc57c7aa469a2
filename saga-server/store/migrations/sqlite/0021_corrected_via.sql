-- An operator's correction has a mark from now on. Of those that are there already, the ones that name no service are taken for
-- corrections: no SDK records without its service's name.
UPDATE saga_steps SET metadata = json_set(COALESCE(metadata, '{}'), '$.correctedVia', 'REST')
WHERE step = 'MANUAL_STATUS_OVERRIDE' AND producer_service IS NULL;
