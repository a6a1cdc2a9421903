-- Resources of the bill that belonged to one run alone, and when: attempts less than a
-- day apart are one tenure, so no charge of a day or less meets two. One row per
-- resource and tenure.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    attempts_bounded as (
        select
            resource_id,
            run_id,
            attempt,
            started_at_utc,
            {{ add_seconds("started_at_utc", "duration_s") }} as stopped_at_utc
        from attempts
        where resource_id is not null and duration_s > 0
    ),

    -- A machine that several runs used in turn is shared out by another rung.
    resources_of_one_run as (
        select resource_id
        from attempts_bounded
        group by resource_id
        having count(distinct run_id) = 1
    ),

    attempts_in_order as (
        select
            attempts_bounded.*,
            max(stopped_at_utc) over (
                partition by attempts_bounded.resource_id
                order by started_at_utc, attempt
                rows between unbounded preceding and 1 preceding
            ) as stopped_before_at_utc
        from attempts_bounded
        inner join
            resources_of_one_run
            on attempts_bounded.resource_id = resources_of_one_run.resource_id
    ),

    attempts_in_tenures as (
        select
            *,
            sum(
                case
                    when started_at_utc > stopped_before_at_utc + interval 1 day
                    then 1
                    else 0
                end
            ) over (
                partition by resource_id
                order by started_at_utc, attempt
                rows between unbounded preceding and current row
            ) as tenure
        from attempts_in_order
    ),

    tenures as (
        select
            resource_id,
            tenure,
            max(run_id) as run_id,
            min(started_at_utc) as started_at_utc,
            max(stopped_at_utc) as stopped_at_utc
        from attempts_in_tenures
        group by resource_id, tenure
    ),

    final as (
        select *, count(*) over (partition by resource_id) as tenures from tenures
    )

select *
from final
