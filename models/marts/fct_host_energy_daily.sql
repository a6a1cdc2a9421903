-- Energy and emissions of known hosts: what runs used of them and what stood idle; the
-- two together are the host. One row per day, host and allocation.
with
    days as (select * from {{ ref("int_carbon__host_days") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    final as (
        select
            days.usage_date,
            hosts.provider_code as provider,
            nullif(hosts.region, '') as region,
            hosts.host_id,
            days.allocation,

            days.it_energy_kwh,
            days.facility_energy_kwh,
            days.emissions_location_g_co2e,

            hosts.machine_key as host_type,
            settings.attribution_idle_policy as idle_policy,
            days.factor_resolution,
            days.missing_reason
        from days
        inner join hosts using (host_number)
        cross join settings
    )

select *
from final
