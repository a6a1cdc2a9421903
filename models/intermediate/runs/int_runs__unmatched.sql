-- Runs that name a run of another source that tells of runs here, and whether one of
-- those that they name was not found. What a run is called is free text: a name that
-- nobody else has is no key without a match. One row per run.
with
    named as (select * from {{ ref("int_runs__keys_named") }}),
    owned as (select * from {{ ref("int_runs__keys_owned") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),

    kinds_known as (select source, key_kind from owned group by source, key_kind),

    named_known as (
        select
            named.source,
            named.source_run_id,
            named.source_attempt,
            named.key_kind,
            named.key_value
        from named
        inner join
            kinds_known
            on named.key_kind = kinds_known.key_kind
            and named.source <> kinds_known.source
        where named.key_kind <> 'run'
        group by all
    ),

    owners as (select key_kind, key_value, source from owned group by all),

    named_found as (
        select
            named_known.source,
            named_known.source_run_id,
            named_known.source_attempt,
            named_known.key_kind,
            count(owners.source) as owners
        from named_known
        left join
            owners
            on named_known.key_kind = owners.key_kind
            and named_known.key_value = owners.key_value
            and named_known.source <> owners.source
        group by all
    ),

    final as (
        select
            identities.run_id,
            max(case when named_found.owners = 0 then 1 else 0 end) = 1 as is_unmatched
        from named_found
        inner join
            identities
            on named_found.source = identities.source
            and named_found.source_run_id = identities.source_run_id
            and named_found.source_attempt = identities.source_attempt
        group by identities.run_id
    )

select *
from final
