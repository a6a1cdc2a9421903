-- Runs that name a run of another source that tells of runs here, and whether none was
-- found. One row per run.
with
    named as (select * from {{ ref("int_runs__keys_named") }}),
    owned as (select * from {{ ref("int_runs__keys_owned") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),

    kinds_known as (select key_kind from owned group by key_kind),

    final as (
        select
            identities.run_id,
            max(case when identities.key_kind is null then 1 else 0 end)
            = 1 as is_unmatched
        from named
        inner join kinds_known on named.key_kind = kinds_known.key_kind
        inner join
            identities
            on named.source = identities.source
            and named.source_run_id = identities.source_run_id
            and named.source_attempt = identities.source_attempt
        group by identities.run_id
    )

select *
from final
