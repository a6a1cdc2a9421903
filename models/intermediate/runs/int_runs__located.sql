-- Where each attempt ran: provider, site and machine, inferred where the job did not
-- say. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    providers as (select * from {{ ref("providers") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),
    hardware as (select * from {{ ref("int_energy__hardware_catalogue") }}),
    types_found as (select * from {{ ref("int_energy__types_found") }}),

    types_of_one_provider as (
        select type_name, max(provider_code) as provider_code
        from types_found
        group by type_name
        having count(*) = 1
    ),

    -- A site with a single host type needs no partition or type name to find it.
    only_host_types as (
        select site_name, max(hardware_key) as hardware_key
        from hardware
        where site_name <> ''
        group by site_name
        having count(*) = 1
    ),

    attempts_keyed as (select *, lower(trim(instance_type)) as type_name from attempts),

    attempts_placed as (
        select
            attempts_keyed.*,
            coalesce(sites.site_name, '') as site_name,
            case
                when sites.site_name is not null
                then 'on_premise'
                else
                    coalesce(
                        providers.provider_code,
                        attempts_keyed.provider_code,
                        regions_named.provider_code,
                        types_of_one_provider.provider_code
                    )
            end as placed_provider_code,
            coalesce(
                sites.site_name, regions_named.region, attempts_keyed.region
            ) as placed_region,
            case
                when sites.site_name is null then regions_named.missing_reason
            end as region_missing_reason
        from attempts_keyed
        left join sites on lower(trim(attempts_keyed.region)) = lower(sites.site_name)
        left join
            providers
            on lower(trim(attempts_keyed.provider_code)) = providers.provider_name_key
        left join
            regions_named
            on coalesce(attempts_keyed.provider_code, '') = regions_named.told_provider
            and coalesce(attempts_keyed.region, '') = regions_named.told_region
            and coalesce(attempts_keyed.zone, '') = regions_named.told_zone
        left join
            types_of_one_provider
            on attempts_keyed.type_name = types_of_one_provider.type_name
    ),

    -- A cloud's machine goes by any of its names, a site's by the one in the settings.
    attempts_typed as (
        select
            attempts_placed.*,
            case
                when attempts_placed.site_name <> ''
                then attempts_placed.type_name
                else types_found.hardware_key
            end as type_key
        from attempts_placed
        left join
            types_found
            on attempts_placed.placed_provider_code = types_found.provider_code
            and attempts_placed.type_name = types_found.type_name
    ),

    final as (
        select
            attempts_typed.source,
            attempts_typed.run_id,
            attempts_typed.attempt,

            attempts_typed.placed_provider_code as provider_code,
            attempts_typed.site_name,
            attempts_typed.placed_region as region,
            attempts_typed.region_missing_reason,
            attempts_typed.instance_type,
            coalesce(
                hardware.hardware_key, only_host_types.hardware_key, '*'
            ) as hardware_key,
            coalesce(hardware.hardware_key, only_host_types.hardware_key)
            is not null as is_known_hardware,
            attempts_typed.workload_kind,
            attempts_typed.instance_count,
            attempts_typed.vcpus,
            attempts_typed.memory_gib,
            nullif(trim(attempts_typed.accelerator_model), '') as accelerator_model,
            attempts_typed.accelerator_count,
            attempts_typed.accelerator_share,
            attempts_typed.tpu_topology,

            attempts_typed.duration_s / 3600.0 as duration_hours,
            attempts_typed.cpu_utilization_ratio,
            attempts_typed.accelerator_utilization_ratio
        from attempts_typed
        left join
            hardware
            on attempts_typed.placed_provider_code = hardware.provider_code
            and attempts_typed.site_name = hardware.site_name
            and attempts_typed.type_key = hardware.hardware_key
        left join
            only_host_types
            on attempts_typed.site_name = only_host_types.site_name
            and attempts_typed.source = 'slurm'
    )

select *
from final
