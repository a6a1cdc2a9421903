-- Resources of the bill that belonged to one run alone, and when: attempts less than a
-- day apart are one tenure, so no charge of a day or less meets two. A machine that is
-- only a host is a run's own if the run held all of it. One row per resource and
-- tenure.
with
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),

    -- A machine that several runs used in turn is shared out by another rung.
    resources_of_one_run as (
        select resource_text
        from resource_attempts
        group by resource_text
        having
            min(run_id) = max(run_id)
            and min(
                case
                    when is_own_resource = 1 or held_ratio > 0.999999999 then 1 else 0
                end
            )
            = 1
    ),

    attempts_in_order as (
        select
            resource_attempts.*,
            max(stopped_at_utc) over (
                partition by resource_attempts.resource_text
                order by started_at_utc, attempt
                rows between unbounded preceding and 1 preceding
            ) as stopped_before_at_utc
        from resource_attempts
        inner join resources_of_one_run using (resource_text)
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
                partition by resource_text
                order by started_at_utc, attempt
                rows between unbounded preceding and current row
            ) as tenure
        from attempts_in_order
    ),

    tenures as (
        select
            resource_text,
            tenure,
            max(run_id) as run_id,
            min(started_at_utc) as started_at_utc,
            max(stopped_at_utc) as stopped_at_utc
        from attempts_in_tenures
        group by resource_text, tenure
    ),

    final as (
        select *, count(*) over (partition by resource_text) as tenures from tenures
    )

select *
from final
