-- Where each attempt ran: provider, site and machine, inferred where the job did not
-- say. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    providers as (select * from {{ ref("providers") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),
    regions as (select * from {{ ref("cloud_regions") }}),
    hardware as (select * from {{ ref("int_energy__hardware_catalogue") }}),

    regions_of_one_provider as (
        select region, max(provider_code) as provider_code
        from regions
        group by region
        having count(*) = 1
    ),

    types_of_one_provider as (
        select hardware_key, max(provider_code) as provider_code
        from hardware
        where site_name = ''
        group by hardware_key
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

    attempts_keyed as (
        select
            *,
            -- Managed services sell the same machines under a prefix.
            regexp_replace(lower(instance_type), '^(ml|db|cache)[.]', '') as type_key
        from attempts
    ),

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
                        regions_of_one_provider.provider_code,
                        types_of_one_provider.provider_code
                    )
            end as placed_provider_code
        from attempts_keyed
        left join sites on attempts_keyed.region = sites.site_name
        left join
            providers on attempts_keyed.provider_code = providers.provider_name_key
        left join
            regions_of_one_provider
            on attempts_keyed.region = regions_of_one_provider.region
        left join
            types_of_one_provider
            on attempts_keyed.type_key = types_of_one_provider.hardware_key
    ),

    final as (
        select
            attempts_placed.source,
            attempts_placed.run_id,
            attempts_placed.attempt,

            attempts_placed.placed_provider_code as provider_code,
            attempts_placed.site_name,
            attempts_placed.region,
            attempts_placed.instance_type,
            coalesce(
                hardware.hardware_key, only_host_types.hardware_key, '*'
            ) as hardware_key,
            coalesce(hardware.hardware_key, only_host_types.hardware_key)
            is not null as is_known_hardware,
            attempts_placed.workload_kind,
            attempts_placed.instance_count,
            attempts_placed.vcpus,
            attempts_placed.memory_gib,
            attempts_placed.accelerator_model,
            attempts_placed.accelerator_count,
            attempts_placed.accelerator_share,

            attempts_placed.duration_s / 3600.0 as duration_hours,
            attempts_placed.cpu_utilization_ratio,
            attempts_placed.accelerator_utilization_ratio
        from attempts_placed
        left join
            hardware
            on attempts_placed.placed_provider_code = hardware.provider_code
            and attempts_placed.site_name = hardware.site_name
            and attempts_placed.type_key = hardware.hardware_key
        left join
            only_host_types
            on attempts_placed.site_name = only_host_types.site_name
            and attempts_placed.source = 'slurm'
    )

select *
from final
