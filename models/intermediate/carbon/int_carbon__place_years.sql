-- Places and years in which anything was used. One row per provider, region and year.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    times as (select * from {{ ref("int_runs__attempts") }}),
    bill as (select * from {{ ref("int_billing__place_days") }}),

    years_used as (
        select
            attempts.provider_code,
            attempts.region,
            year(times.started_at_utc) as first_year,
            year(
                {{
                    add_seconds(
                        "times.started_at_utc", "coalesce(times.duration_s, 0)"
                    )
                }}
            ) as last_year
        from attempts
        inner join times using (run_id, attempt)
        where times.started_at_utc is not null
        union all
        select
            provider_code,
            member_region as region,
            year(usage_date) as first_year,
            year(usage_date) as last_year
        from bill
    ),

    final as (
        select provider_code, region, cast(calendar.year as bigint) as year
        from
            (
                select
                    provider_code,
                    region,
                    min(first_year) as first_year,
                    max(last_year) as last_year
                from years_used
                where provider_code is not null and region is not null
                group by provider_code, region
            ) as places
            {{
                unnested(
                    years_between("places.first_year", "places.last_year"),
                    "calendar",
                    "year",
                )
            }}
    )

select *
from final
