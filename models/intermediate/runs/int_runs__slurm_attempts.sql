-- Slurm allocations as attempts of the runs that they are. One row per run and attempt.
with
    told as (select * from {{ ref("int_runs__slurm_told") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),

    final as (
        select told.*, identities.run_id, identities.attempt
        from told
        inner join
            identities
            on told.source = identities.source
            and told.source_run_id = identities.source_run_id
            and told.source_attempt = identities.source_attempt
    )

select *
from final
