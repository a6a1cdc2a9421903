-- Attempts whose machine is on the bill by itself: a resource or host of theirs has
-- claimed charges, or a tag names their run or job on a line of hours. One row per run
-- and attempt.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    claims as (select * from {{ ref("int_cost__claims") }}),
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),
    units as (select * from {{ ref("int_billing__units") }} where dimension = 'hours'),

    resources_claimed as (
        select run_id, resource_text
        from claims
        where cost_method <> 'billed_tag' and run_id is not null
        group by run_id, resource_text
    ),

    -- The machines that a provider splits to the run's pods carry other names.
    runs_claimed as (
        select claims.run_id
        from claims
        left join
            units on lower(trim(coalesce(claims.consumed_unit, ''))) = units.unit_text
        left join
            (
                select run_id, resource_text
                from resource_attempts
                group by run_id, resource_text
            ) as known
            on claims.run_id = known.run_id
            and claims.resource_text = known.resource_text
        where
            claims.run_id is not null
            and (
                (
                    claims.cost_method = 'billed_tag'
                    and (
                        claims.tagged_run_id is not null or units.unit_text is not null
                    )
                )
                or (claims.cost_method = 'billed_share' and known.run_id is null)
            )
        group by claims.run_id
    ),

    final as (
        select resource_attempts.run_id, resource_attempts.attempt
        from resource_attempts
        inner join
            resources_claimed
            on resource_attempts.run_id = resources_claimed.run_id
            and resource_attempts.resource_text = resources_claimed.resource_text
        union
        select attempts.run_id, attempts.attempt
        from attempts
        inner join runs_claimed on attempts.run_id = runs_claimed.run_id
    )

select *
from final
