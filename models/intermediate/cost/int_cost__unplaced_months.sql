-- Months in which runs began in a region that do not say on which machine, and whose
-- machine is not on the bill by a tag either. One row per provider, region and month.
with
    resources as (select * from {{ ref("int_runs__resources") }} where site_name = ''),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    machines as (select * from {{ ref("int_cost__attempt_machines") }}),
    billed as (select * from {{ ref("int_cost__attempts_billed") }}),

    attempts_placed as (
        select run_id, attempt
        from machines
        union
        select run_id, attempt
        from billed
    ),

    final as (
        select
            resources.provider_code,
            resources.region,
            cast(date_trunc('month', intervals.started_at_utc) as date) as month_date,

            count(*) as attempts
        from resources
        inner join intervals using (run_id, attempt)
        left join
            attempts_placed
            on resources.run_id = attempts_placed.run_id
            and resources.attempt = attempts_placed.attempt
        where
            attempts_placed.run_id is null
            and resources.provider_code is not null
            and resources.region is not null
        group by all
    )

select *
from final
