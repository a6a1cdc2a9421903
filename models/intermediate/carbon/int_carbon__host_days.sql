-- Energy and emissions of known hosts: what runs used of them, and what stood idle. One
-- row per day, host and allocation.
with
    run_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),
    host_attempts as (select * from {{ ref("int_energy__host_attempts") }}),
    idle_hours as (select * from {{ ref("int_carbon__host_idle") }}),

    hours as (
        select
            host_attempts.host_number,
            run_hours.hour_start_utc,
            'run' as allocation,
            run_hours.it_energy_kwh
            * host_attempts.fraction_of_attempt as it_energy_kwh,
            run_hours.facility_energy_kwh
            * host_attempts.fraction_of_attempt as facility_energy_kwh,
            run_hours.emissions_location_g_co2e
            * host_attempts.fraction_of_attempt as emissions_location_g_co2e,
            run_hours.factor_resolution,
            coalesce(
                energy.missing_reason,
                case
                    when run_hours.grid_intensity_g_per_kwh is null
                    then 'no_grid_factor'
                end
            ) as missing_reason
        from host_attempts
        inner join energy using (run_id, attempt)
        inner join
            run_hours
            on host_attempts.run_id = run_hours.run_id
            and host_attempts.attempt = run_hours.attempt
        union all
        select
            host_number,
            hour_start_utc,
            'idle' as allocation,
            it_energy_kwh,
            facility_energy_kwh,
            emissions_location_g_co2e,
            factor_resolution,
            missing_reason
        from idle_hours
    ),

    {% set measures = [
        "it_energy_kwh",
        "facility_energy_kwh",
        "emissions_location_g_co2e",
    ] %}
    days_by_rung as (
        select
            cast(hour_start_utc as date) as usage_date,
            host_number,
            allocation,
            factor_resolution,
            {% for measure in measures %}
                -- An unknown part makes the whole unknown.
                case
                    when count({{ measure }}) = count(*) then {{ exact_sum(measure) }}
                end as {{ measure }},
            {% endfor %}
            max(missing_reason) as missing_reason
        from hours
        group by
            cast(hour_start_utc as date), host_number, allocation, factor_resolution
    ),

    days_ranked as (
        select
            *,
            row_number() over (
                partition by usage_date, host_number, allocation
                order by facility_energy_kwh desc nulls last, factor_resolution
            ) as share_rank
        from days_by_rung
    ),

    final as (
        select
            usage_date,
            host_number,
            allocation,

            -- The rung with the largest share.
            max(
                case when share_rank = 1 then factor_resolution end
            ) as factor_resolution,
            {% for measure in measures %}
                case
                    when count({{ measure }}) = count(*) then {{ exact_sum(measure) }}
                end as {{ measure }},
            {% endfor %}
            max(missing_reason) as missing_reason
        from days_ranked
        group by usage_date, host_number, allocation
    )

select *
from final
