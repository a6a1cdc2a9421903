-- Attempts of runs. An attempt that did not succeed is wasted. One row per run and
-- attempt.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),

    final as (
        select
            attempts.run_id,
            cast(attempts.attempt as bigint) as attempt,
            attempts.status,

            attempts.started_at_utc,
            attempts.ended_at_utc,

            attempts.duration_s,
            energy.facility_energy_kwh,
            attempts.status not in ('succeeded', 'running', 'pending') as is_wasted
        from attempts
        inner join energy using (run_id, attempt)
    )

select *
from final
