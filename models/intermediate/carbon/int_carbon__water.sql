-- Water used on site for attempts: IT energy times the site's litres per kWh. Water
-- behind the electricity is not in it. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    times as (select * from {{ ref("int_runs__attempts") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),
    wue as (select * from {{ ref("int_carbon__attempt_wue") }}),

    final as (
        select
            attempts.run_id,
            attempts.attempt,

            wue.water_resolution,
            wue.wue_year,

            energy.it_energy_kwh,
            wue.wue_l_per_kwh,
            case
                when energy.it_energy_kwh = 0
                then 0.0
                else energy.it_energy_kwh * wue.wue_l_per_kwh
            end as water_l,
            wue.wue_age_years,

            wue.water_source_id,
            case
                when energy.it_energy_kwh = 0
                then null
                -- What a meter behind the cooling saw is no IT energy without a PUE.
                when energy.it_energy_kwh is null
                then coalesce(energy.missing_reason, 'no_pue')
                when wue.wue_l_per_kwh is not null
                then null
                when times.started_at_utc is null
                then 'unknown_start'
                when attempts.provider_code is null or attempts.region is null
                then 'unknown_region'
                else 'no_wue'
            end as missing_water_reason
        from attempts
        inner join times using (run_id, attempt)
        inner join energy using (run_id, attempt)
        left join wue on attempts.run_id = wue.run_id and attempts.attempt = wue.attempt
    )

select *
from final
