-- Energy that a contract for electricity may cover: what runs used at its places in its
-- period. One row per contract, provider, region and hour.
with
    contracts as (select * from {{ ref("stg_settings__contracts") }}),
    places as (select * from {{ ref("int_carbon__places") }}),
    run_hours as (select * from {{ ref("int_carbon__run_hours") }}),

    contract_places as (
        select
            contracts.contract_name,
            places.provider_code,
            places.region,
            max(contracts.contract_kind) as contract_kind,
            max(contracts.valid_from_utc) as valid_from_utc,
            max(contracts.valid_to_utc) as valid_to_utc,
            max(contracts.volume_kwh) as volume_kwh,
            max(contracts.intensity_g_per_kwh) as intensity_g_per_kwh
        from contracts
        inner join
            places
            on (contracts.applies_to = 'region' and contracts.place = places.region)
            or (
                contracts.applies_to = 'grid_zone'
                and contracts.place = places.grid_zone_id
            )
        group by contracts.contract_name, places.provider_code, places.region
    ),

    place_energy as (
        select
            provider_code,
            region,
            hour_start_utc,
            {{ exact_sum("facility_energy_kwh") }} as facility_energy_kwh
        from run_hours
        where facility_energy_kwh is not null
        group by provider_code, region, hour_start_utc
    ),

    final as (
        select
            contract_places.contract_name,
            contract_places.provider_code,
            contract_places.region,
            place_energy.hour_start_utc,

            -- What is bought for its origin comes before what a tariff delivers.
            case
                contract_places.contract_kind when 'supplier' then 2 else 1
            end as tier,

            place_energy.facility_energy_kwh,
            contract_places.volume_kwh,
            contract_places.intensity_g_per_kwh
        from contract_places
        inner join
            place_energy
            on contract_places.provider_code = place_energy.provider_code
            and contract_places.region = place_energy.region
        where
            place_energy.hour_start_utc >= contract_places.valid_from_utc
            and place_energy.hour_start_utc < contract_places.valid_to_utc
    )

select *
from final
