-- What contracts for electricity covered of the energy of runs, to be held against
-- their certificates. One row per contract, region and month.
with
    shares as (select * from {{ ref("int_carbon__contract_shares") }}),

    final as (
        select
            contract_name,
            provider_code as provider,
            region,
            cast(date_trunc('month', hour_start_utc) as date) as month,

            {{ exact_sum("facility_energy_kwh * covered_ratio") }}
            as covered_energy_kwh,
            {{ exact_sum("facility_energy_kwh") }} as eligible_energy_kwh,
            max(volume_kwh) as contract_volume_kwh,
            max(intensity_g_per_kwh) as contract_intensity_g_per_kwh
        from shares
        group by
            contract_name, provider_code, region, date_trunc('month', hour_start_utc)
    )

select *
from final
