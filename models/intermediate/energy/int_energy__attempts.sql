-- IT and facility energy of each attempt. One row per run and attempt.
with
    components as (select * from {{ ref("int_energy__components") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),
    times as (select * from {{ ref("int_runs__attempts") }}),
    pue as (select * from {{ ref("int_energy__attempt_pue") }}),

    attempts_summed as (
        select
            run_id,
            attempt,
            case
                when max(missing_reason) is null then {{ exact_sum("energy_kwh") }}
            end as energy_kwh,
            case
                when max(missing_reason) is null
                then {{ exact_sum("measured_energy_kwh") }}
            end as measured_energy_kwh,
            max(case when boundary = 'facility' then 1 else 0 end) as facility_meters,
            min(missing_reason) as missing_reason
        from components
        group by run_id, attempt
    ),

    -- The rung that carries the largest share; between equals, by name.
    methods_ranked as (
        select
            run_id,
            attempt,
            energy_method,
            row_number() over (
                partition by run_id, attempt
                order by {{ exact_sum("energy_kwh") }} desc nulls last, energy_method
            ) as share_rank
        from components
        group by run_id, attempt, energy_method
    ),

    attempts_with_pue as (
        select
            attempts.run_id,
            attempts.attempt,
            attempts_summed.energy_kwh,
            attempts_summed.measured_energy_kwh,
            attempts_summed.facility_meters,
            methods_ranked.energy_method as largest_energy_method,
            coalesce(
                attempts.missing_reason, attempts_summed.missing_reason
            ) as energy_missing_reason,
            case
                when times.started_at_utc is null
                then 'unknown_start'
                when attempts.region_missing_reason is not null
                then attempts.region_missing_reason
                when attempts.provider_code is null or attempts.region is null
                then 'unknown_region'
                else 'no_pue'
            end as pue_missing_reason,
            pue.pue_ratio,
            pue.pue_resolution,
            pue.pue_year,
            pue.pue_age_years,
            pue.pue_source_id
        from attempts
        inner join times using (run_id, attempt)
        left join attempts_summed using (run_id, attempt)
        left join
            methods_ranked
            on attempts.run_id = methods_ranked.run_id
            and attempts.attempt = methods_ranked.attempt
            and methods_ranked.share_rank = 1
        left join pue on attempts.run_id = pue.run_id and attempts.attempt = pue.attempt
    ),

    final as (
        select
            run_id,
            attempt,

            case
                when energy_kwh is null then 'missing' else largest_energy_method
            end as energy_method,
            pue_resolution,
            pue_year,

            -- A facility meter has already counted the cooling.
            case
                when facility_meters = 1 then energy_kwh / pue_ratio else energy_kwh
            end as it_energy_kwh,
            case
                when facility_meters = 1
                then energy_kwh
                when energy_kwh = 0
                then 0.0
                else energy_kwh * pue_ratio
            end as facility_energy_kwh,
            case
                when facility_meters = 1
                then measured_energy_kwh / pue_ratio
                else measured_energy_kwh
            end as measured_energy_kwh,
            pue_ratio,
            pue_age_years,

            pue_source_id,
            case
                when energy_kwh is null
                then energy_missing_reason
                when pue_ratio is null and energy_kwh <> 0 and facility_meters = 0
                then pue_missing_reason
            end as missing_reason
        from attempts_with_pue
    )

select *
from final
